"""A worker that sleeps past its session, and wakes to find its partitions in other hands."""

from __future__ import annotations

import pytest

from tests.rig.script import (
    begin,
    dies_at,
    enough,
    folded,
    freezes_at,
    launch,
    owns,
    ready,
    restart,
    settles,
    sigcont,
    sigstop,
    start,
)
from tests.rig.stage import Stages

pytestmark = [pytest.mark.timeout(240), pytest.mark.fault("F15")]

SOON = 30.0


async def test_a_worker_that_slept_past_its_session_does_no_harm(
    stages: Stages, long: bool
) -> None:
    for seed in stages.seeds(5 if long else 1):
        await _slept_past_its_session(stages, seed)


async def _slept_past_its_session(stages: Stages, seed: int) -> None:
    async with stages.open(seed=seed, SLICE_RECORDS="50") as stage:
        await stage.play(
            [
                start("zombie"),
                begin(1_000_000, rate=1_000),
                folded(1_000),
                sigstop("zombie"),
                start("heir"),
                owns(4, "heir", within=SOON),
                folded(1_000),
                sigcont("zombie"),
                settles("zombie"),
                folded(1_000),
                enough(),
            ]
        )


@pytest.mark.parametrize("failpoint", ["before_append", "after_append", "mid_redis_write"])
async def test_a_worker_that_slept_in_the_middle_of_its_work_does_no_harm(
    stages: Stages, failpoint: str, long: bool
) -> None:
    """It wakes with a batch in its hands that belongs to somebody else by now."""
    for seed in stages.seeds(5 if long else 1):
        await _slept_at(stages, seed, failpoint)


async def _slept_at(stages: Stages, seed: int, failpoint: str) -> None:
    async with stages.open(seed=seed, SLICE_RECORDS="50") as stage:
        await stage.play(
            [
                launch("zombie", FAILPOINT=f"{failpoint}:20:stop"),
                begin(1_000_000, rate=1_000),
                freezes_at(failpoint, "zombie"),
                start("heir"),
                owns(4, "heir", within=SOON),
                folded(1_000),
                sigcont("zombie"),
                settles("zombie"),
                folded(1_000),
                enough(),
            ]
        )
        if failpoint == "before_append":
            # The batch it held did reach the changelog, and was seen to be nobody's.
            assert sum(view.void for view in stage.judge.views.values()) > 0
            assert await stage.workers["heir"].total("ltv_foreign_writes_total") > 0


async def test_an_heir_that_dies_before_it_has_mended_a_zombies_write_does_no_harm(
    stages: Stages, long: bool
) -> None:
    for seed in stages.seeds(5 if long else 1):
        await _heir_dies(stages, seed)


async def _heir_dies(stages: Stages, seed: int) -> None:
    async with stages.open(seed=seed, SLICE_RECORDS="50") as stage:
        await stage.play(
            [
                launch("zombie", FAILPOINT="before_append:20:stop"),
                begin(1_000_000, rate=1_000),
                freezes_at("before_append", "zombie"),
                launch("heir", FAILPOINT="before_reappend"),
                owns(4, "heir", within=SOON),
                folded(500),
                sigcont("zombie"),
                dies_at("before_reappend", "heir"),
                settles("zombie"),
                restart("heir"),
                ready("heir"),
                folded(1_000),
                enough(),
            ]
        )
        assert sum(view.void for view in stage.judge.views.values()) > 0
