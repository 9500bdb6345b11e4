"""What is said of partitions as wholes: written under guard, merged, and shown in hashes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from redis import Redis

from stream_app.core.calendar import Calendar
from stream_app.core.models.histories import histories
from stream_app.core.models.prequential import Prequential, graded_from, prequential
from stream_app.core.models.published import CDNOW
from stream_app.dev.valkey import Valkey
from stream_app.wire.grades import decode as decode_grades
from stream_app.wire.population import decode_population
from stream_app.worker.survey import Survey
from tests.stores.worker import DAY, NOON, Rig, State, until


async def surveyed(rig: Rig, *states: State) -> asyncio.Task[None]:
    """Start the rig, and a survey of its partitions."""
    await rig.start(*states)
    held = {state.partition.number: state.partition for state in states}
    return asyncio.create_task(Survey(lambda: held, rig.publisher, rig.metrics, 0.1).run())


async def ended(rig: Rig, survey: asyncio.Task[None]) -> None:
    survey.cancel()
    await asyncio.wait({survey})
    await rig.stop()


def graded(client: Redis, number: int = 3) -> dict[str, Prequential]:
    """What the customers of a partition say of the models."""
    stored = client.hget("ltv:grades:1", str(number))
    found = decode_grades(stored) if isinstance(stored, bytes) else None
    return found.models if found else {}


def customers_in(client: Redis, number: int = 3) -> int:
    """How many the summary of a partition has seen."""
    stored = client.hget("ltv:population:1", str(number))
    assert stored is None or isinstance(stored, bytes)
    found = decode_population(stored) if stored else None
    return found.customers if found else 0


async def test_customers_are_published_again_to_show_where_they_stand_among_all_partitions(
    valkey: Valkey, client: Redis
) -> None:
    rig, low, high = Rig(valkey.url), State(1, 10), State(2, 20)
    for number in range(100):
        low.buy(f"low-{number}", minor=100 + number)
        high.buy(f"high-{number}", minor=1000 + number)
    survey = await surveyed(rig, low, high)
    await until(lambda: customers_in(client, 1) == 100 and customers_in(client, 2) == 100)
    await until(lambda: bool(client.hexists("ltv:{high-0}", "value_rank")))
    await until(lambda: 0.49 <= float(client.hget("ltv:{high-0}", "value_rank") or 0) <= 0.51)
    await until(lambda: 0.98 <= float(client.hget("ltv:{high-99}", "value_rank") or 0) <= 1)
    await until(lambda: client.hget("ltv:{low-0}", "rfm") == b"111")
    assert client.hget("ltv:{high-99}", "rfm") == b"115"
    await rig.settled()
    assert {json.loads(one)["ranked"] for one in client.hvals("ltv:published:1")} == {True}
    again = rig.republished("rank")
    high.buy("high-3", minor=5)  # moves nobody by more than is tolerated
    await until(lambda: customers_in(client, 2) == 100 and rig.publisher.settled)
    assert rig.republished("rank") == again
    low.buy(*[f"new-{number}" for number in range(100)], minor=1)
    await until(lambda: 0.32 <= float(client.hget("ltv:{low-0}", "value_rank") or 0) <= 0.35)
    await ended(rig, survey)


async def test_a_restart_does_not_publish_places_that_redis_shows_already(
    valkey: Valkey, client: Redis
) -> None:
    first, state = Rig(valkey.url), State()
    state.buy(*[f"c-{number}" for number in range(50)])
    survey = await surveyed(first, state)
    await until(lambda: bool(client.hexists("ltv:{c-7}", "value_rank")) and first.publisher.settled)
    await ended(first, survey)
    second = Rig(valkey.url)
    survey = await surveyed(second, state.recovered())
    await until(lambda: second.publisher.scoring is not None)
    await until(lambda: getattr(second.publisher.scoring, "ranks", None) is not None)
    await second.settled()
    assert second.republished("rank") == 0
    await ended(second, survey)


async def test_a_flushed_redis_gets_the_summaries_back(valkey: Valkey, client: Redis) -> None:
    rig, state = Rig(valkey.url), State()
    state.buy("a", "b")
    survey = await surveyed(rig, state)
    await until(lambda: customers_in(client) == 2)
    client.flushall()
    await until(lambda: rig.full("emptied") == 1)
    await until(lambda: customers_in(client) == 2)
    await ended(rig, survey)


async def test_a_partition_that_changes_is_looked_over_again(valkey: Valkey, client: Redis) -> None:
    rig, state = Rig(valkey.url), State()
    state.buy("a")
    survey = await surveyed(rig, state)
    await until(lambda: customers_in(client) == 1)
    state.buy("b")
    await until(lambda: customers_in(client) == 2)
    await ended(rig, survey)


async def test_a_build_that_does_not_publish_says_nothing(valkey: Valkey, client: Redis) -> None:
    client.hset("ltv:gen", mapping={"build": "2", "gen": "1"})
    rig, state = Rig(valkey.url), State()
    state.buy("a")
    survey = await surveyed(rig, state)
    rig.publisher.summarize(3, "population", b"mine")
    await until(lambda: rig.metrics.value("ltv_redis_up") == 1)
    assert not client.exists("ltv:population:1")
    await ended(rig, survey)


async def test_an_owner_that_was_deposed_says_nothing_more(valkey: Valkey, client: Redis) -> None:
    rig, state = Rig(valkey.url), State()
    state.buy("a")
    await rig.start(state)
    await rig.settled()
    client.hset("ltv:epoch:1", "3", "1000000")
    client.hset("ltv:population:1", "3", b"the heir's")
    rig.publisher.summarize(3, "population", b"mine")
    await until(lambda: not rig.publisher.settled)
    assert client.hget("ltv:population:1", "3") == b"the heir's"
    await rig.stop()


async def test_models_in_use_are_graded_by_what_their_customers_did(
    valkey: Valkey, client: Redis
) -> None:
    rig, state = Rig(valkey.url), State()
    today = NOON // DAY
    for number in range(50):
        state.buy(f"c-{number}", day=today - 200)
        state.buy(f"c-{number}", day=today - 200 + 2 * number)
    survey = await surveyed(rig, state)
    challenger = replace(CDNOW, id="other", r=0.4)
    rig.publisher.set_parameters(CDNOW, None, challenger)
    await until(lambda: graded(client).keys() == {CDNOW.id, "other"})
    assert rig.metrics.value("ltv_prequential_forecasts", "other") > 0
    found = graded(client)[CDNOW.id]
    known = histories(list(state.partition.customers.values()))
    since = graded_from(CDNOW, today=today, calendar=Calendar("UTC"))
    alone = prequential(known, CDNOW, today=today, currency="USD", from_day=since)
    assert found.bought == alone.bought == 49
    assert found.log_loss_sum == pytest.approx(alone.log_loss_sum)
    rig.publisher.set_parameters(None, "no model")
    await until(lambda: rig.metrics.value("ltv_prequential_forecasts", "other") == 0)
    await ended(rig, survey)
