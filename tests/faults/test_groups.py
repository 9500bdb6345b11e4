"""Workers come and go, and sometimes there are more of them than work: everything has an owner."""

from __future__ import annotations

import pytest

from tests.rig.script import begin, enough, folded, kill9, owns, restart, sigterm, start
from tests.rig.stage import SESSION_SECONDS, Stages

pytestmark = [pytest.mark.timeout(240), pytest.mark.fault("F14")]

SOON = SESSION_SECONDS + 10.0
"""Until every partition has an owner again."""


async def test_one_three_and_one_worker_again_while_one_of_three_is_killed(
    stages: Stages, long: bool
) -> None:
    for seed in stages.seeds(10 if long else 1):
        async with stages.open(seed=seed, SLICE_RECORDS="100") as stage:
            await stage.play(
                [
                    start("a"),
                    begin(10_000_000, rate=1_000),
                    folded(500),
                    start("b"),
                    start("c"),
                    owns(4, "a", "b", "c", within=SOON),
                    folded(1_000),
                    kill9("b", after=300),
                    owns(4, "a", "c", within=SOON),
                    folded(500),
                    restart("b"),
                    owns(4, "a", "b", "c", within=SOON),
                    folded(500),
                    sigterm("a"),
                    sigterm("b"),
                    owns(4, "c", within=SOON),
                    folded(500),
                    enough(),
                ]
            )


async def test_more_workers_than_partitions_and_the_idle_one_takes_over(
    stages: Stages, long: bool
) -> None:
    """One that owns nothing is ready all the same, and steps in when an owner is killed."""
    for seed in stages.seeds(10 if long else 1):
        async with stages.open(seed=seed, PARTITIONS="2", SLICE_RECORDS="100") as stage:
            await stage.play(
                [start("a"), begin(10_000_000, rate=1_000), start("b"), start("c"), folded(1_000)],
                judged=False,
            )
            held = {name: await worker.owns() for name, worker in stage.workers.items()}
            assert sorted(number for numbers in held.values() for number in numbers) == [0, 1], held
            owner = next(name for name, numbers in held.items() if numbers)
            others = [name for name in held if name != owner]
            await stage.play(
                [
                    kill9(owner),
                    owns(2, *others, within=SOON),
                    folded(500),
                    restart(owner),
                    folded(500),
                    enough(),
                ]
            )
