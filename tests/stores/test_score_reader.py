"""The storefront's client on a real server: what it asks for, and what it gets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis as blocking
import redis.asyncio as awaiting
from redis import Redis

from stream_app.core.models.published import CDNOW
from stream_app.core.segments import TierBounds
from stream_app.dev.child import Child
from stream_app.dev.ports import free_port
from stream_app.dev.valkey import Valkey
from stream_app.reader import AsyncScoreReader, Score, ScoreReader
from stream_app.wire.scores import parse_hash
from stream_app.wire.scoring import scoring_fields
from tests.core.scoring import BG
from tests.stores.test_publisher_trouble import listens, server_binary
from tests.stores.twins import MONTHS_LATER, PATIENCE, TWINS, Twin, refused
from tests.stores.worker import DAY, NOON, Rig, State, until


def commands(client: Redis) -> dict[str, int]:
    """How often each was called since the last count, but for those that count."""
    told: Any = client.info("commandstats")
    client.config_resetstat()
    counted = {name.removeprefix("cmdstat_"): each["calls"] for name, each in told.items()}
    return {name: n for name, n in counted.items() if name.split("|")[0] not in ("info", "config")}


# -- what is read -----------------------------------------------------------------------------


@TWINS
async def test_what_was_published_reads_as_it_would_be_published_months_later(
    twin: Twin, shop: Rig, client: Redis
) -> None:
    reader = twin(shop.url, timeout_seconds=PATIENCE)
    found = await reader.customers(["a", "nobody", "b"], now=MONTHS_LATER)
    shop.clock.now = MONTHS_LATER
    shop.publisher.set_parameters(replace(CDNOW, id="the-same"))  # publishes everything again
    await until(lambda: shop.full("model") == 1)
    await shop.settled()
    for score, name in zip(found, ("a", "nobody", "b"), strict=True):
        stored: Any = client.hgetall(f"ltv:{{{name}}}")
        if name == "nobody":
            assert score is None
            continue
        assert score is not None
        assert score == Score(
            **{
                field: getattr(replaced, field)
                for replaced in [parse_hash(stored)]
                for field in replaced.__struct_fields__
                if field != "model"
            },
            model=CDNOW.id,
        )
    await reader.aclose()


@TWINS
async def test_a_read_is_one_command(twin: Twin, shop: Rig, client: Redis) -> None:
    await shop.stop()
    reader = twin(shop.url, timeout_seconds=PATIENCE, fresh_seconds=1e9)
    commands(client)
    await reader.customer("a")
    assert commands(client) == {"hgetall": 3}  # and once for all, the rules and the model
    for _ in range(100):
        assert await reader.customer("a") is not None
    assert commands(client) == {"hgetall": 100}
    await reader.aclose()


@TWINS
async def test_many_customers_are_one_exchange(twin: Twin, shop: Rig, client: Redis) -> None:
    await shop.stop()
    reader = twin(shop.url, timeout_seconds=PATIENCE, fresh_seconds=1e9)
    names = ["a", "b", *(f"c-{number}" for number in range(50))]
    expected = [await reader.customer(name, now=MONTHS_LATER) for name in names]

    def exchanges() -> int:
        told: Any = client.info("stats")
        return int(told["total_reads_processed"])

    commands(client)
    before = exchanges()
    assert await reader.customers(names, now=MONTHS_LATER) == expected
    assert exchanges() - before <= 2  # one is the question itself
    assert commands(client) == {"hgetall": len(names)}
    await reader.aclose()


@TWINS
async def test_a_changed_tier_bound_is_published_and_reaches_a_reader(
    twin: Twin, shop: Rig, client: Redis
) -> None:
    reader = twin(shop.url, timeout_seconds=PATIENCE, fresh_seconds=0.0)
    scoring = shop.scoring(CDNOW, None, None)
    assert client.hgetall("ltv:scoring") == _encoded(
        scoring_fields(scoring.settings, "UTC", scoring.id)
    )
    before = await reader.customer("a", now=NOON + 45 * DAY)
    assert before is not None
    assert before.tier == "active"
    strict = replace(scoring.settings, tiers=TierBounds(alive=0.99))
    client.hset("ltv:scoring", mapping={b"alive": b"0.98999999999999999"})
    assert client.hgetall("ltv:scoring") == _encoded(scoring_fields(strict, "UTC", scoring.id))
    after = await reader.customer("a", now=NOON + 45 * DAY)
    assert after is not None
    assert after.tier == "at_risk"
    await reader.aclose()


@TWINS
async def test_a_new_model_is_met_without_a_restart(twin: Twin, shop: Rig) -> None:
    reader = twin(shop.url, timeout_seconds=PATIENCE)
    before = await reader.customer("a")
    shop.publisher.set_parameters(BG)
    await until(lambda: shop.full("model") == 1)
    await shop.settled()
    after = await reader.customer("a")
    assert before is not None
    assert after is not None
    assert (before.model, after.model, after.not_evaluated) == (CDNOW.id, BG.id, None)
    await reader.aclose()


@TWINS
async def test_a_hash_of_an_older_worker_is_read_as_it_was_published(
    twin: Twin, shop: Rig, client: Redis
) -> None:
    await shop.stop()
    client.delete("ltv:scoring")
    reader = twin(shop.url, timeout_seconds=PATIENCE)
    found = await reader.customer("a", now=MONTHS_LATER)
    assert found is not None
    assert found.as_of == NOON
    assert "ltv:scoring" in (found.not_evaluated or "")
    await reader.aclose()


@TWINS
async def test_scores_by_formula_are_read_as_of_now_too(twin: Twin, valkey: Valkey) -> None:
    rig, state = Rig(valkey.url), State()
    await rig.start(state)
    state.buy("a", minor=2_000)
    await rig.settled()
    await rig.stop()
    reader = twin(rig.url, timeout_seconds=PATIENCE)
    found = [await reader.customer("a", now=NOON + days * DAY) for days in (0, 60, 100, 200)]
    assert [each.tier for each in found if each] == ["new", "active", "at_risk", "lost"]
    assert {each.not_evaluated for each in found if each} == {None}
    await reader.aclose()


@TWINS
async def test_the_clock_is_now_unless_told_otherwise(twin: Twin, shop: Rig) -> None:
    reader = twin(shop.url, timeout_seconds=PATIENCE)
    before = int(time.time())
    found = await reader.customer("b")
    assert found is not None
    assert found.as_of is not None
    assert before <= found.as_of <= time.time()
    await reader.aclose()


# -- how it is reached ------------------------------------------------------------------------


async def test_a_client_of_the_caller_s_is_used_and_left_open(shop: Rig) -> None:
    expected = ScoreReader(shop.url, timeout_seconds=PATIENCE).customer("a", now=MONTHS_LATER)
    for decodes in (False, True):
        with (
            blocking.Redis.from_url(shop.url, decode_responses=decodes) as client,
            ScoreReader(client) as reader,
        ):
            assert reader.customer("a", now=MONTHS_LATER) == expected
            reader.close()
            assert client.ping()
        async with awaiting.Redis.from_url(shop.url, decode_responses=decodes) as own:
            async with AsyncScoreReader(own) as twin:
                assert await twin.customer("a", now=MONTHS_LATER) == expected
                assert await twin.customers(["b", "a"], now=MONTHS_LATER) == [
                    ScoreReader(shop.url, timeout_seconds=PATIENCE).customer("b", now=MONTHS_LATER),
                    expected,
                ]
            assert await own.ping()


@TWINS
async def test_sentinels_are_asked_for_the_master(twin: Twin, shop: Rig, tmp_path: Path) -> None:
    port = free_port()
    settings = tmp_path / "sentinel.conf"
    settings.write_text(
        f"bind 127.0.0.1\nport {port}\ndir {tmp_path}\n"
        f"sentinel monitor mymaster 127.0.0.1 {shop.url.split(':')[2].split('/')[0]} 1\n"
    )
    command: list[str | Path] = [server_binary(), str(settings), "--sentinel"]
    sentinel = Child("Sentinel", command, tmp_path / "sentinel.log")
    try:
        sentinel.wait_until(lambda: listens(port), 10)
        reader = twin(f"redis+sentinel://127.0.0.1:{port}/mymaster/0", timeout_seconds=PATIENCE)
        found = await reader.customers(["a", "nobody"])
        assert found[0] is not None
        assert found[1] is None
        other = twin(f"redis+sentinel://127.0.0.1:{port}/somebody/0", timeout_seconds=PATIENCE)
        sentence, _ = await refused(other)
        assert sentence.startswith("Redis does not answer: No master found for 'somebody'")
        await other.aclose()
        await reader.aclose()
    finally:
        sentinel.stop()


@TWINS
async def test_a_unix_socket_and_a_database_are_reached(
    twin: Twin, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("u")
    with Valkey(place, options={"unixsocket": str(place / "s")}) as own:
        with blocking.Redis.from_url(f"unix://{place / 's'}?db=3") as client:
            client.hset("ltv:{a}", mapping={"revenue": "7"})
        reader = twin(f"unix://{place / 's'}?db=3", timeout_seconds=PATIENCE)
        found = await reader.customer("a")
        assert found is not None
        assert found.revenue == 7
        elsewhere = twin(own.url, timeout_seconds=PATIENCE)
        assert await elsewhere.customer("a") is None
        await elsewhere.aclose()
        await reader.aclose()


async def test_threads_share_a_reader_and_tasks_its_twin(shop: Rig) -> None:
    with (
        ScoreReader(shop.url, timeout_seconds=PATIENCE) as reader,
        ThreadPoolExecutor(8) as threads,
    ):
        expected = reader.customer("a", now=MONTHS_LATER)
        fresh = ScoreReader(shop.url, timeout_seconds=PATIENCE, fresh_seconds=0.0)
        for each in (reader, fresh):
            found = threads.map(lambda _, by=each: by.customer("a", now=MONTHS_LATER), range(200))
            assert all(score == expected for score in found)
        fresh.close()
    async with AsyncScoreReader(shop.url, timeout_seconds=PATIENCE) as twin:
        reads = (twin.customer("a", now=MONTHS_LATER) for _ in range(200))
        assert all(score == expected for score in await asyncio.gather(*reads))


def _encoded(row: Sequence[str]) -> dict[bytes, bytes]:
    texts = [each.encode() for each in row]
    return dict(zip(texts[::2], texts[1::2], strict=True))
