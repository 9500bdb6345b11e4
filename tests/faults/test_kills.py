"""Workers that die at once, anywhere: nothing is lost, nothing is counted twice."""

from __future__ import annotations

import pytest

from tests.generate import Shape
from tests.rig.outages import first_event
from tests.rig.proxy import OFFSET_COMMIT, PRODUCE, Rule, Trouble, kafka_proxy
from tests.rig.script import (
    begin,
    dies_at,
    drain,
    enough,
    feed,
    folded,
    kill9,
    launch,
    owns,
    ready,
    restart,
    start,
)
from tests.rig.stage import Stages
from tests.rig.waiting import eventually

pytestmark = pytest.mark.timeout(300)

SESSION_SECONDS = 2
"""Of all workers here: a killed one holds its partitions for so long."""
SOON = SESSION_SECONDS + 5.0
"""Until the next worker folds its first event."""
KILLS = 5
"""In a row; the long form has ten times as many, with three seeds."""


@pytest.mark.fault("F1")
async def test_kills_at_random_moments_under_load_lose_and_double_nothing(
    stages: Stages, long: bool
) -> None:
    """No manual step, and the first event soon after each restart."""
    for seed in stages.seeds(3 if long else 1):
        async with stages.open(
            seed=seed, SLICE_RECORDS="200", SESSION_SECONDS=str(SESSION_SECONDS)
        ) as stage:
            cycle = [kill9(after=2_000), launch(), first_event(within=SOON), ready()]
            kills = 10 * KILLS if long else KILLS
            await stage.play([start(), begin(10_000_000, rate=1_000), *(cycle * kills), enough()])
            assert sum(worker.exit_code == -9 for worker in stage.ended) == kills


AT = {
    "after_fold": 9,
    "before_append": 20,
    "after_append": 20,
    "mid_redis_write": 4,
    "after_redis": 3,
    "during_commit": 2,
}
"""Failpoints that a worker under load passes, with the hit at which it dies."""


@pytest.mark.fault("F2")
@pytest.mark.parametrize("failpoint", AT)
async def test_death_at_a_failpoint_loses_and_doubles_nothing(
    stages: Stages, failpoint: str, long: bool
) -> None:
    """In the long form ten times, at hits drawn at random."""
    for seed in stages.seeds(10 if long else 1):
        async with stages.open(
            seed=seed, SLICE_RECORDS="50", SESSION_SECONDS=str(SESSION_SECONDS)
        ) as stage:
            hit = stage.random.randint(1, 3 * AT[failpoint]) if long else AT[failpoint]
            await stage.play(
                [
                    feed(1_000),
                    begin(10_000_000, rate=1_000),
                    launch(FAILPOINT=f"{failpoint}:{hit}"),
                    dies_at(failpoint),
                    restart(),
                    folded(500),
                    enough(),
                ]
            )


@pytest.mark.fault("F2")
async def test_death_while_partitions_are_handed_over(stages: Stages) -> None:
    """The first hit is the empty hand-over of its own start."""
    async with stages.open(SLICE_RECORDS="50", SESSION_SECONDS=str(SESSION_SECONDS)) as stage:
        await stage.play(
            [
                launch("a", FAILPOINT="in_revoke:2"),
                begin(1_000_000, rate=1_000),
                folded(500),
                launch("b"),
                dies_at("in_revoke", "a"),
                owns(4, "b", within=SESSION_SECONDS + 10.0),
                folded(500),
                restart("a"),
                owns(4, "a", "b", within=SESSION_SECONDS + 10.0),
                enough(),
            ]
        )


@pytest.mark.fault("F2", "F3")
async def test_death_during_recovery_again_and_again(stages: Stages, long: bool) -> None:
    """Each dies a little later in reading its changelog back; in the long form ten in a row."""
    for seed in stages.seeds(5 if long else 1):
        deaths = [
            step
            for failpoint in ("after_claim", *(f"during_recovery:{hit}" for hit in (1, 2, 3, 4)))
            for step in (launch(FAILPOINT=failpoint), dies_at(failpoint.partition(":")[0]))
        ]
        shape = Shape(seed=seed, customers=2_000, records=1_000_000)
        async with stages.open(shape, seed=seed, SESSION_SECONDS="1") as stage:
            await stage.play([start(), feed(8_000), drain(), kill9(), feed(500)], judged=False)
            await stage.play([*deaths * (2 if long else 1), restart(), feed(500)])


DELAYS = (1.0, 0.3, 0.1)
"""Of the broker's answers to appends, in seconds."""


@pytest.mark.fault("F4")
async def test_a_kill_at_a_commit_while_the_broker_is_slow_loses_nothing(
    stages: Stages, long: bool
) -> None:
    """Positions that are committed before the changelog is acknowledged lose updates here."""
    for seed in stages.seeds(10 if long else 1):
        for delay in DELAYS if long else DELAYS[:1]:
            await _killed_at_a_commit(stages, seed, delay)


async def _killed_at_a_commit(stages: Stages, seed: int, delay: float) -> None:
    broker = stages.broker
    async with (
        kafka_proxy(broker.proxy_port, broker.behind_proxy) as proxy,
        stages.open(seed=seed, SLICE_RECORDS="100", SESSION_SECONDS=str(SESSION_SECONDS)) as stage,
    ):
        slow = proxy.add(
            Rule(
                PRODUCE,
                Trouble.DELAY,
                topic=stage.settings.changelog_topic,
                after=4,  # the claims
                seconds=delay,
            )
        )
        await stage.play(
            [feed(3_000), launch(BROKERS=broker.proxied), begin(1_000_000, rate=500)],
            judged=False,
        )
        commits = proxy.requests.get(OFFSET_COMMIT, 0)
        await eventually(
            lambda: slow.struck > 0 and proxy.requests.get(OFFSET_COMMIT, 0) > commits,
            "a commit while an append is under way",
        )
        await stage.play([kill9(), restart(), folded(500), enough()])
