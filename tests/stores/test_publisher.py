"""The publisher follows the changelog: what is dirty reaches Redis, then the position moves."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from redis import Redis

from stream_app.core.models.published import CDNOW
from stream_app.dev.valkey import Valkey
from stream_app.errors import ConfigurationError
from tests.stores.worker import DAY, NOON, Clock, Rig, State, equal, shown, until

MANY = [f"c-{number}" for number in range(3000)]


def position(client: Redis, number: int = 3) -> int:
    found = client.hget("ltv:published:1", str(number))
    return int(json.loads(found)["position"]) if found else 0


async def test_a_change_is_in_redis_and_then_the_position_says_so(
    valkey: Valkey, client: Redis
) -> None:
    rig, state = Rig(valkey.url), State()
    await rig.start(state)
    state.buy("a", "b")
    await rig.settled()
    assert shown(client, ["a", "b"]) == {"a": "100", "b": "100"}
    assert position(client) == state.partition.next_offset
    assert client.hgetall("ltv:gen") == {b"build": b"1", b"gen": b"1"}
    assert rig.metrics.value("ltv_redis_up") == 1
    state.buy("a", minor=50)
    await rig.settled()
    assert shown(client, ["a"]) == {"a": "150"}
    await rig.stop()


async def test_an_idle_publisher_shows_a_change_within_milliseconds(
    valkey: Valkey, client: Redis
) -> None:
    rig, state = Rig(valkey.url), State()
    await rig.start(state)
    await rig.settled()
    began = time.monotonic()
    state.buy("a")
    await rig.settled()
    assert time.monotonic() - began < 0.5  # a bound for a busy machine; about 5 ms otherwise
    await rig.stop()


async def test_all_partitions_are_served_by_one_publisher(valkey: Valkey, client: Redis) -> None:
    rig, states = Rig(valkey.url), [State(number, 40 + number) for number in range(8)]
    await rig.start(*states)
    for number, state in enumerate(states):
        state.buy(*[f"{number}-{each}" for each in range(300)])
    await rig.settled()
    assert all(equal(client, state) for state in states)
    assert [position(client, number) for number in range(8)] == [
        state.partition.next_offset for state in states
    ]
    await rig.stop()


async def test_a_flushed_redis_is_filled_again_though_nothing_happens(
    valkey: Valkey, client: Redis
) -> None:
    rig, state = Rig(valkey.url), State()
    await rig.start(state)
    state.buy(*MANY)
    await rig.settled()
    client.flushall()
    await until(lambda: rig.full("emptied") == 1)
    await rig.settled()
    assert equal(client, state)
    await rig.stop()


async def test_a_flush_in_the_middle_of_a_full_publish_is_noticed(
    valkey: Valkey, client: Redis
) -> None:
    state = State()
    state.buy(*[f"c-{number}" for number in range(20_000)])
    rig = Rig(valkey.url)
    await rig.start(state.recovered())
    await until(lambda: bool(client.exists("ltv:{c-19900}")))
    client.flushall()
    await rig.settled(30)
    assert equal(client, state)
    await rig.stop()


async def test_a_restart_publishes_only_what_came_after_the_position(
    valkey: Valkey, client: Redis
) -> None:
    first, state = Rig(valkey.url), State()
    await first.start(state)
    state.buy(*MANY)
    await first.settled()
    await first.crash()
    state.buy("c-7", "new")
    second, again = Rig(valkey.url), state.recovered()
    await second.start(again)
    await second.settled()
    assert equal(client, again)
    assert second.published() == 2
    await second.stop()


async def test_an_interrupted_full_publish_begins_again_at_the_next_start(
    valkey: Valkey, client: Redis
) -> None:
    state = State()
    state.buy(*[f"c-{number}" for number in range(20_000)])
    first = Rig(valkey.url)
    await first.start(state.recovered())
    await until(lambda: bool(client.exists("ltv:{c-19900}")))
    await first.crash()
    assert position(client) < 0
    second, again = Rig(valkey.url), state.recovered()
    await second.start(again)
    await second.settled(30)
    assert second.full("interrupted") == 1
    assert equal(client, again)
    await second.stop()


async def test_values_of_an_older_snapshot_are_written_over(valkey: Valkey, client: Redis) -> None:
    rig, state = Rig(valkey.url), State()
    await rig.start(state)
    state.buy("a", "b")
    await rig.settled()
    snapshot = {key: client.hgetall(key) for key in ("ltv:published:1", "ltv:{a}")}
    state.buy("a", "c")
    await rig.settled()
    for key, value in snapshot.items():
        client.delete(key)
        client.hset(key, mapping=value)  # type: ignore[arg-type]
    client.delete("ltv:{c}")
    await until(lambda: rig.full("foreign") == 1)
    await rig.settled()
    assert equal(client, state)
    await rig.stop()


async def test_customers_in_flight_are_not_published_and_hold_the_position(
    valkey: Valkey, client: Redis
) -> None:
    state = State()
    state.buy("a", "b")
    again = state.recovered()
    again.buy("a", minor=1000, acknowledged=False)
    rig = Rig(valkey.url)
    await rig.start(again)
    await until(lambda: bool(client.exists("ltv:{b}")))
    assert shown(client, ["a"]) == {"a": None}
    assert position(client) < 0
    again.acknowledge()
    await rig.settled()
    assert shown(client, ["a"]) == {"a": "1100"}
    assert position(client) == again.partition.next_offset
    await rig.stop()


async def test_another_model_publishes_everything_and_is_shown(
    valkey: Valkey, client: Redis
) -> None:
    rig, state = Rig(valkey.url), State()
    await rig.start(state)
    state.buy("a")
    await rig.settled()
    assert not client.exists("ltv:model:current")
    rig.publisher.set_parameters(CDNOW)
    await until(lambda: rig.full("model") == 1)
    await rig.settled()
    assert shown(client, ["a"], "model") == {"a": CDNOW.id}
    assert client.hgetall("ltv:model:current") == client.hgetall(f"ltv:model:{CDNOW.id}")
    assert client.exists("ltv:model:current")
    await rig.stop()


async def test_a_deposed_publisher_writes_nothing(valkey: Valkey, client: Redis) -> None:
    rig, state = Rig(valkey.url), State(epoch=50)
    await rig.start(state)
    state.buy("a")
    await rig.settled()
    client.hset("ltv:epoch:1", "3", 60)
    state.buy("a", "b")
    await asyncio.sleep(0.3)  # several looks
    assert shown(client, ["a", "b"]) == {"a": "100", "b": None}
    assert set(state.partition.dirty) == {b"a", b"b"}
    await rig.stop()


async def test_a_newer_score_in_redis_stays_and_the_others_are_written(
    valkey: Valkey, client: Redis
) -> None:
    rig, state = Rig(valkey.url), State()
    await rig.start(state)
    await rig.settled()
    client.hset("ltv:{a}", mapping={"gen": 1, "pos": 10**9, "revenue": 7})
    before = position(client)
    state.buy("a", "b")
    await until(lambda: bool(client.exists("ltv:{b}")))
    await asyncio.sleep(0.3)
    assert shown(client, ["a", "b"]) == {"a": "7", "b": "100"}
    assert position(client) == before
    client.delete("ltv:{a}")
    await rig.settled()
    assert equal(client, state)
    await rig.stop()


async def test_a_cut_over_and_the_way_back_publish_everything_of_one_build_alone(
    valkey: Valkey, client: Redis
) -> None:
    old, state = Rig(valkey.url), State()
    await old.start(state)
    state.buy("a", "b")
    await old.settled()
    new, shadow = Rig(valkey.url, build=2), State(epoch=5)
    await new.start(shadow)
    shadow.buy("a", minor=1)
    await asyncio.sleep(0.3)
    assert shown(client, ["a"]) == {"a": "100"}
    client.hset("ltv:gen", mapping={"build": 2, "gen": 2})
    await until(lambda: shown(client, ["a"]) == {"a": "1"})
    await new.settled()
    state.buy("a", "b")
    await asyncio.sleep(0.3)
    assert shown(client, ["a", "b"]) == {"a": "1", "b": "100"}
    await old.stop()
    client.hset("ltv:gen", mapping={"build": 1, "gen": 3})
    back, again = Rig(valkey.url), state.recovered()
    await back.start(again)
    await back.settled()
    assert back.full("generation") == 1
    assert equal(client, again)
    shadow.buy("b")
    await asyncio.sleep(0.3)
    assert equal(client, again)
    await new.stop()
    await back.stop()


async def test_an_evicting_redis_is_refused_unless_allowed(valkey: Valkey, client: Redis) -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        refused = Rig(valkey.url)
        await refused.start(State())
        assert refused.task is not None
        with pytest.raises(ConfigurationError, match="allkeys-lru"):
            await refused.task
        allowed = Rig(valkey.url, allow_eviction=True)
        await allowed.start(State())
        await allowed.settled()
        await allowed.stop()
    finally:
        client.config_set("maxmemory-policy", "noeviction")


async def test_a_user_with_rights_to_our_keys_alone_is_enough(
    valkey: Valkey, client: Redis
) -> None:
    client.acl_setuser(
        "ltv",
        enabled=True,
        reset=True,
        passwords=["+secret"],
        keys=["ltv:*"],
        commands=["+@read", "+@write", "+@scripting", "+@connection", "+info"],
    )
    rig, state = Rig(valkey.url.replace("redis://", "redis://ltv:secret@")), State()
    await rig.start(state)
    state.buy("a")
    await rig.settled()
    assert equal(client, state)
    await rig.stop()
    client.acl_deluser("ltv")


async def test_stopping_writes_what_is_dirty(valkey: Valkey, client: Redis) -> None:
    rig, state = Rig(valkey.url), State()
    await rig.start(state)
    await rig.settled()
    state.buy(*MANY)
    await rig.stop()
    assert equal(client, state)
    assert position(client) == state.partition.next_offset


async def test_a_tier_falls_in_redis_when_its_day_begins(valkey: Valkey, client: Redis) -> None:
    clock = Clock(NOON)
    rig, state = Rig(valkey.url, clock=clock), State()
    await rig.start(state)
    state.buy("early", day=NOON // DAY - 90)
    state.buy("late", day=NOON // DAY - 80)
    await rig.settled()
    assert shown(client, ["early", "late"], "tier") == {"early": "active", "late": "active"}
    clock.now = (NOON // DAY + 1) * DAY
    await until(lambda: shown(client, ["early"], "tier") == {"early": "at_risk"})
    await rig.settled()
    assert shown(client, ["late"], "as_of") == {"late": str(NOON)}
    assert rig.published() == 3
    await rig.stop()


async def test_falls_during_a_stop_are_published_at_the_next_start(
    valkey: Valkey, client: Redis
) -> None:
    first, state = Rig(valkey.url), State()
    await first.start(state)
    state.buy("early", day=NOON // DAY - 90)
    state.buy("late", day=NOON // DAY - 80)
    await first.settled()
    await first.stop()
    second, again = Rig(valkey.url, clock=Clock(NOON + 5 * DAY)), state.recovered()
    await second.start(again)
    await second.settled()
    assert shown(client, ["early"], "tier") == {"early": "at_risk"}
    assert second.published() == 1
    await second.stop()


async def test_at_a_fixed_instant_no_time_passes(valkey: Valkey, client: Redis) -> None:
    clock = Clock(NOON)
    rig, state = Rig(valkey.url, clock=clock, fixed=NOON - DAY, refresh_seconds=0.1), State()
    await rig.start(state)
    state.buy("a", day=NOON // DAY - 91)
    await rig.settled()
    clock.now += 400 * DAY
    await asyncio.sleep(0.3)
    assert shown(client, ["a"], "as_of") == {"a": str(NOON - DAY)}
    assert rig.published() == 1
    await rig.stop()


async def test_by_event_time_the_latest_event_is_now(valkey: Valkey, client: Redis) -> None:
    rig, state = Rig(valkey.url, event_time=True), State()
    await rig.start(state)
    state.buy("a", day=10_000)
    await rig.settled()
    assert shown(client, ["a"], "as_of") == {"a": str(10_000 * DAY)}
    state.buy("b", day=10_100)
    await until(lambda: shown(client, ["a"], "tier") == {"a": "at_risk"})
    await rig.settled()  # the sweep may come before the flush that brings b
    assert shown(client, ["b"], "as_of") == {"b": str(10_100 * DAY)}
    await rig.stop()


async def test_old_scores_are_computed_again(valkey: Valkey, client: Redis) -> None:
    clock = Clock(NOON)
    rig, state = Rig(valkey.url, clock=clock, refresh_seconds=0.3), State()
    await rig.start(state)
    state.buy("a")
    await rig.settled()
    clock.now += 60
    await until(lambda: shown(client, ["a"], "as_of") == {"a": str(NOON + 60)})
    await rig.stop()
