"""A storefront's read when Redis is in trouble: one sentence, soon, and right again afterwards."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

import pytest
from redis import Redis

from stream_app.dev.ports import free_port
from stream_app.dev.valkey import Valkey
from stream_app.errors import ConfigurationError
from stream_app.reader import AsyncScoreReader, ScoreUnavailable
from tests.stores.twins import MONTHS_LATER, PATIENCE, TWINS, Twin, refused
from tests.stores.worker import Rig


@TWINS
async def test_a_redis_that_is_away_is_one_sentence_at_once(twin: Twin) -> None:
    port = free_port()
    reader = twin(f"redis://shop:secret@127.0.0.1:{port}/0")
    sentence, seconds = await refused(reader)
    assert sentence.startswith("Redis does not answer: ")
    assert sentence.endswith(f"(redis://shop:********@127.0.0.1:{port}/0)")
    assert "secret" not in sentence
    assert seconds < 2
    await reader.aclose()


@TWINS
async def test_a_socket_that_never_answers_is_given_up_soon(twin: Twin) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        reader = twin(f"redis://:x@127.0.0.1:{silent.getsockname()[1]}/5")
        sentence, seconds = await refused(reader)
        assert sentence.startswith("Redis does not answer: ")
        assert 0.04 < seconds < 2
        await reader.aclose()


@TWINS
async def test_a_frozen_redis_is_given_up_soon_and_answers_no_other_s_question_afterwards(
    twin: Twin, shop: Rig, valkey: Valkey
) -> None:
    await shop.stop()
    reader = twin(shop.url, timeout_seconds=0.3)
    await reader.customer("a")
    valkey.pause()
    for _ in range(3):
        sentence, seconds = await refused(reader)
        assert sentence.startswith("Redis does not answer: ")
        assert 0.2 < seconds < 2
    valkey.resume()
    patient = twin(shop.url, timeout_seconds=PATIENCE)
    assert await patient.customer("a") is not None  # it is awake
    for _ in range(3):
        assert await reader.customer("nobody") is None
        found = await reader.customer("b", now=MONTHS_LATER)
        assert found == await patient.customer("b", now=MONTHS_LATER)
    await patient.aclose()
    await reader.aclose()


@TWINS
async def test_a_restarted_redis_is_read_on_without_a_failure(
    twin: Twin, shop: Rig, valkey: Valkey
) -> None:
    await shop.stop()
    reader = twin(shop.url, timeout_seconds=PATIENCE)
    assert await reader.customer("a") is not None
    valkey.stop()
    valkey.start()
    assert await reader.customer("a") is None
    await reader.aclose()


@TWINS
@pytest.mark.parametrize("names", [["a"], ["b", "a"]], ids=["one", "many"])
async def test_what_is_no_score_is_one_sentence(
    twin: Twin, names: list[str], shop: Rig, client: Redis
) -> None:
    await shop.stop()
    reader = twin(shop.url, timeout_seconds=PATIENCE)
    client.hset("ltv:{a}", "orders", "three")
    with pytest.raises(ScoreUnavailable, match=r"^the hash of customer 'a' can't be read: orders"):
        await reader.customers(names)
    client.delete("ltv:{a}")
    client.set("ltv:{a}", "somebody was here")
    with pytest.raises(ScoreUnavailable, match=r"^a key of ours in Redis is no hash: .*'ltv:"):
        await reader.customers(names)
    await reader.aclose()


@TWINS
async def test_a_refused_password_is_one_sentence(twin: Twin, valkey: Valkey) -> None:
    reader = twin(valkey.url.replace("//", "//nobody:wrong@"), timeout_seconds=PATIENCE)
    sentence, _ = await refused(reader)
    assert sentence.startswith("Redis refuses the user or password")
    await reader.aclose()


@TWINS
async def test_a_user_without_rights_is_one_sentence(
    twin: Twin, valkey: Valkey, client: Redis
) -> None:
    client.acl_setuser(
        "page", enabled=True, passwords=["+page"], keys=["shop:*"], commands=["+@read"]
    )
    reader = twin(valkey.url.replace("//", "//page:page@"), timeout_seconds=PATIENCE)
    sentence, _ = await refused(reader)
    assert sentence.startswith("this Redis user may not do what is needed: give it the keys")
    await reader.aclose()
    client.acl_deluser("page")


@TWINS
@pytest.mark.parametrize("url", ["http://127.0.0.1", "redis+sentinel://127.0.0.1:1", "redis://h:x"])
async def test_a_url_that_is_none_is_refused_at_once(twin: Twin, url: str) -> None:
    with pytest.raises(ConfigurationError, match="the URL of Redis can't be read"):
        twin(url)


async def test_a_cancelled_read_leaves_the_reader_whole(shop: Rig, valkey: Valkey) -> None:
    await shop.stop()
    async with AsyncScoreReader(shop.url, timeout_seconds=PATIENCE) as reader:
        expected = await reader.customer("b", now=MONTHS_LATER)
        valkey.pause()
        reads = [asyncio.create_task(reader.customer("a")) for _ in range(5)]
        await asyncio.wait(reads, timeout=0.1)
        for each in reads:
            each.cancel()
        await asyncio.wait(reads)
        valkey.resume()
        assert all(each.cancelled() for each in reads)
        assert await reader.customer("nobody") is None
        assert await reader.customer("b", now=MONTHS_LATER) == expected
