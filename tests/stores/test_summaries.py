"""What is said of partitions as wholes: written under guard, merged, and shown in hashes."""

from __future__ import annotations

import asyncio

from redis import Redis

from stream_app.dev.valkey import Valkey
from stream_app.wire.population import decode_population
from stream_app.worker.survey import Survey
from tests.stores.worker import Rig, State, until


async def surveyed(rig: Rig, *states: State) -> asyncio.Task[None]:
    """Start the rig, and a survey of its partitions."""
    await rig.start(*states)
    held = {state.partition.number: state.partition for state in states}
    return asyncio.create_task(Survey(lambda: held, rig.publisher, 0.1).run())


async def ended(rig: Rig, survey: asyncio.Task[None]) -> None:
    survey.cancel()
    await asyncio.wait({survey})
    await rig.stop()


def customers_in(client: Redis, number: int = 3) -> int:
    """How many the summary of a partition has seen."""
    stored = client.hget("ltv:population:1", str(number))
    assert stored is None or isinstance(stored, bytes)
    found = decode_population(stored) if stored else None
    return found.customers if found else 0


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
