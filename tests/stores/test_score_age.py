"""How old the scores of the silent are, and whether a worker publishes at all, as gauges."""

from __future__ import annotations

from typing import Final

from redis import Redis

from stream_app.core.models.published import CDNOW
from stream_app.dev.valkey import Valkey
from tests.stores.worker import DAY, NOON, Clock, Rig, State, until

AGE: Final = "ltv_score_age_seconds"


async def test_the_age_of_scores_grows_with_the_day_until_the_next_sweep(
    valkey: Valkey, client: Redis
) -> None:
    clock, state = Clock(NOON), State()
    state.buy("a")
    rig = Rig(valkey.url, clock=clock, model=CDNOW)
    await rig.start(state)
    await rig.settled()
    clock.now += DAY / 4
    await until(lambda: rig.metrics.value(AGE) == DAY / 4)
    clock.now += DAY / 2
    await until(lambda: rig.metrics.value(AGE) == 0)
    await rig.stop()


async def test_a_fixed_instant_does_not_age(valkey: Valkey, client: Redis) -> None:
    state = State()
    state.buy("a")
    rig = Rig(valkey.url, model=CDNOW, fixed=NOON)
    await rig.start(state)
    await rig.settled()
    assert f"\n{AGE} " not in rig.metrics.text().decode()
    await rig.stop()


async def test_whether_a_build_publishes_follows_redis(valkey: Valkey, client: Redis) -> None:
    state = State()
    state.buy("a")
    rig = Rig(valkey.url, build=2)
    client.hset("ltv:gen", mapping={"build": 1, "gen": 1})
    await rig.start(state)
    await until(lambda: 'ltv_publishing{build="2"} 0.0' in rig.metrics.text().decode())
    assert f"\n{AGE} " not in rig.metrics.text().decode()
    client.hset("ltv:gen", mapping={"build": 2, "gen": 2})
    await until(lambda: rig.metrics.value("ltv_publishing", "2") == 1)
    await rig.settled()
    await rig.stop()
