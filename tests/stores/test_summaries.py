"""What is said of partitions as wholes: written under guard, merged, and shown in hashes."""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_left
from dataclasses import replace

import pytest
from redis import Redis

from stream_app.core.calendar import Calendar
from stream_app.core.models.histories import histories
from stream_app.core.models.prequential import Prequential, graded_from, prequential
from stream_app.core.models.published import CDNOW
from stream_app.core.population import Ranks
from stream_app.core.segments import TIERS
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
    stored = client.hget("ltv:ranks:1", "1")
    assert isinstance(stored, bytes)
    assert {json.loads(one)["ranks"] for one in client.hvals("ltv:published:1")} == {
        Ranks.from_bytes(stored).id
    }
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


def worst_place(client: Redis, state: State) -> float:
    """How far the place that somebody shows is from the true share of lower ltv."""
    keys = [f"ltv:{{{key.decode()}}}" for key in state.partition.customers]
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.hmget(key, ["ltv", "value_rank"])
    found = [(int(ltv), float(rank or 9)) for ltv, rank in pipe.execute()]
    lower = sorted(ltv for ltv, _ in found)
    return max(abs(rank - bisect_left(lower, ltv) / len(lower)) for ltv, rank in found)


async def test_a_worker_that_dies_among_new_places_leaves_none_wrong(
    valkey: Valkey, client: Redis
) -> None:
    first, state = Rig(valkey.url), State()
    state.buy(*[f"c-{number}" for number in range(300)])
    for number in range(300):
        state.buy(f"c-{number}", minor=number)
    survey = await surveyed(first, state)
    await until(lambda: bool(client.exists("ltv:ranks:1")) and worst_place(client, state) < 0.01)
    await ended(first, survey)
    slow, state = Rig(valkey.url, republish_rate=50.0), state.recovered()
    survey = await surveyed(slow, state)
    for number in range(300):
        state.buy(f"better-{number}", minor=10_000 + number)
    await until(lambda: slow.republished("rank") >= 20)
    await slow.crash()
    survey.cancel()
    assert worst_place(client, state) > 0.05
    again, state = Rig(valkey.url), state.recovered()
    survey = await surveyed(again, state)
    await until(lambda: worst_place(client, state) < 0.01)
    await ended(again, survey)


async def test_small_shifts_of_the_population_do_not_add_up_unseen(
    valkey: Valkey, client: Redis
) -> None:
    rig, state = Rig(valkey.url), State()
    for number in range(1000):
        state.buy(f"c-{number}", minor=1000 + number)
    survey = await surveyed(rig, state)
    await until(lambda: bool(client.exists("ltv:ranks:1")))
    for step in range(25):
        count = len(state.partition.customers)
        state.buy(*[f"better-{step}-{number}" for number in range(4)], minor=10_000)
        await until(lambda count=count: customers_in(client) == count + 4)  # type: ignore[misc]
    await until(lambda: worst_place(client, state) < 0.01)
    await ended(rig, survey)


async def test_another_model_publishes_everybody_once(valkey: Valkey, client: Redis) -> None:
    rig, state = Rig(valkey.url, model=CDNOW), State()
    for number in range(200):
        state.buy(f"c-{number}", day=NOON // DAY - number, minor=100 + number)
    survey = await surveyed(rig, state)
    await until(lambda: bool(client.exists("ltv:ranks:1")))
    await rig.settled()
    before = rig.republished("rank")
    rig.publisher.set_parameters(replace(CDNOW, id="twin"))
    await until(lambda: client.hget("ltv:{c-7}", "model") == b"twin")
    await rig.settled()
    assert rig.republished("model") == 200
    assert rig.republished("rank") == before
    await ended(rig, survey)


async def test_a_model_published_anew_under_its_id_is_published_to_everybody(
    valkey: Valkey, client: Redis
) -> None:
    rig, state = Rig(valkey.url, model=CDNOW), State()
    state.buy("a", day=NOON // DAY - 30)
    await rig.start(state)
    await rig.settled()
    before = client.hget("ltv:{a}", "p_alive")
    rig.publisher.set_parameters(replace(CDNOW, alpha=20.0))
    await until(lambda: client.hget("ltv:{a}", "p_alive") != before)
    await rig.settled()
    await rig.stop()


async def test_a_key_of_another_type_in_the_place_of_a_summary_is_replaced(
    valkey: Valkey, client: Redis
) -> None:
    rig, state = Rig(valkey.url), State()
    state.buy("a")
    client.set("ltv:population:1", "nonsense")
    survey = await surveyed(rig, state)
    await until(lambda: client.type("ltv:population:1") == b"hash")
    await until(lambda: customers_in(client) == 1)
    await ended(rig, survey)


async def test_a_partition_given_up_is_no_longer_in_the_grades_and_tiers_of_a_worker(
    valkey: Valkey, client: Redis
) -> None:
    rig, kept, given = Rig(valkey.url, model=CDNOW), State(1, 10), State(2, 20)
    for state in (kept, given):
        state.buy(f"c-{state.partition.number}", day=NOON // DAY - 100)
    await rig.start(kept, given)
    held = {1: kept.partition, 2: given.partition}
    survey = asyncio.create_task(Survey(lambda: held, rig.publisher, rig.metrics, 0.1).run())
    await until(lambda: rig.metrics.value("ltv_prequential_forecasts", CDNOW.id) == 8)
    assert _in_tiers(rig) == (2, 200)
    del held[2]
    await until(lambda: rig.metrics.value("ltv_prequential_forecasts", CDNOW.id) == 4)
    assert _in_tiers(rig) == (1, 100)
    await ended(rig, survey)


def _in_tiers(rig: Rig) -> tuple[float, float]:
    """Customers and revenue of all tiers."""
    value = rig.metrics.value
    return (
        sum(value("ltv_tier_customers", tier) for tier in TIERS),
        sum(value("ltv_tier_revenue_minor", tier, "USD") for tier in TIERS),
    )
