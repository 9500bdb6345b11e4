"""Workers come and go in order: nothing is read twice, nobody waits long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from stream_app.settings import Settings
from tests.rig.kafka_admin import delete_group, log_bounds, set_group_offsets
from tests.rig.script import (
    begin,
    drain,
    end,
    enough,
    feed,
    folded,
    kill9,
    owns,
    reads,
    restart,
    sigterm,
    start,
)
from tests.rig.stage import SESSION_SECONDS, Stages

pytestmark = pytest.mark.timeout(240)


@pytest.mark.fault("F14")
async def test_workers_join_and_leave_under_load(stages: Stages) -> None:
    """One, two, one, two, and one again after a kill; every partition soon has an owner."""
    soon = SESSION_SECONDS + 10.0
    async with stages.open() as stage:
        await stage.play(
            [
                start("a"),
                begin(1_000_000, rate=1_000),
                folded(500),
                start("b"),
                owns(4, "a", "b", within=soon),
                folded(500),
                sigterm("a"),
                owns(4, "b", within=soon),
                folded(500),
                restart("a"),
                owns(4, "a", "b", within=soon),
                folded(500),
                kill9("b"),
                owns(4, "a", within=soon),
                folded(500),
                enough(),
            ]
        )


@pytest.mark.fault("F17")
async def test_a_worker_told_to_stop_hands_over_and_the_next_reads_nothing_twice(
    stages: Stages,
) -> None:
    async with stages.open() as stage:
        await stage.play(
            [start(), begin(12_000, rate=2_000), folded(2_000), sigterm(), end()], judged=False
        )
        await stage.judge.look()
        left = 12_000 - stage.judge.folded
        assert left > 0, "it was to be stopped under load"
        await stage.play([restart(), drain(), reads(left), sigterm()], judged=False)
        await stage.play([restart(), feed(10), drain(), reads(10)])


Move = Callable[[Settings], Awaitable[None]]


async def _to_the_start(settings: Settings) -> None:
    bounds = await log_bounds(settings)
    await set_group_offsets(settings, {place: low for place, (low, _) in bounds.items()})


async def _to_the_end(settings: Settings) -> None:
    bounds = await log_bounds(settings)
    await set_group_offsets(settings, {place: high for place, (_, high) in bounds.items()})


async def _past_the_end(settings: Settings) -> None:
    bounds = await log_bounds(settings)
    await set_group_offsets(settings, {place: high + 1_000 for place, (_, high) in bounds.items()})


@pytest.mark.fault("F18")
async def test_moved_or_deleted_group_offsets_change_nothing(stages: Stages) -> None:
    """Where to read on is in the state; a group offset that disagrees or is gone is counted, and
    said in a line, no more."""
    moves: list[Move] = [_to_the_start, _to_the_end, _past_the_end, delete_group]
    async with stages.open() as stage:
        await stage.play([start(), feed(2_000), drain()], judged=False)
        for move in moves:
            await stage.play([sigterm(), feed(300)], judged=False)
            await move(stage.settings)
            await stage.play([restart(), drain(), reads(300)])
            counted = await stage.worker.total("ltv_offset_mismatches_total")
            assert counted > 0, f"{move.__name__}: no mismatches"
            assert stage.worker.said("the group's offsets are not the state's")
        await stage.play([sigterm(), restart()])
        assert await stage.worker.total("ltv_offset_mismatches_total") == 0
