"""Too much at once, and an event loop that does nothing for a while."""

from __future__ import annotations

import time

import pytest

from stream_app.failpoints import BLOCK_SECONDS
from tests.generate import Shape
from tests.rig.outages import caught_up, resident_mb
from tests.rig.script import begin, enough, folded, launch, metric, ready, start
from tests.rig.stage import Stages
from tests.rig.waiting import eventually

pytestmark = [pytest.mark.timeout(240), pytest.mark.fault("F24")]

GROWTH_MB = 160.0
"""What may wait in memory: 32 MiB of values for the agent, and what aiokafka has fetched ahead."""


async def test_five_times_too_much_for_a_while_is_bounded_in_memory_and_worked_off(
    stages: Stages, long: bool
) -> None:
    """Slices of one record make the worker slow, so that one producer is five times too fast."""
    seconds = 60.0 if long else 8.0
    shape = Shape(seed=stages.seed, customers=3_000, records=10_000_000)
    async with stages.open(shape, SLICE_RECORDS="1", PARTITIONS="1", IN_FLIGHT="1") as stage:
        await stage.play([start(), begin(10_000_000), folded(500)], judged=False)
        before = resident_mb(stage)
        sent, done, began = stage.load.acknowledged, stage.judge.folded, time.monotonic()
        most = 0.0

        def is_over() -> bool:
            nonlocal most
            most = max(most, resident_mb(stage))
            return time.monotonic() - began > seconds

        await eventually(is_over, "the flood ends", seconds + 60.0)
        await stage.judge.look()
        sent, done = stage.load.acknowledged - sent, stage.judge.folded - done
        assert sent >= 5 * done, f"{sent} came, {done} were folded: no overload"
        assert most - before < GROWTH_MB, f"{before:.0f} MB became {most:.0f} MB"
        await stage.play([enough()], judged=False)
        stage.worker.kill()
        # Worked off as a backlog is: by a worker as it is deployed.
        stage.variables["SLICE_RECORDS"] = "1000"
        await stage.play(
            [
                launch(),
                ready(),
                caught_up(within=60.0),
                metric("ltv_consumer_lag_records", 0, within=30.0),
            ]
        )


async def test_a_blocked_event_loop_keeps_its_partitions_or_gives_them_up_whole(
    stages: Stages, long: bool
) -> None:
    """Nothing turns for longer than a session; then it goes on as if nothing had been."""
    for seed in stages.seeds(10 if long else 1):
        async with stages.open(seed=seed, SLICE_RECORDS="50") as stage:
            await stage.play(
                [launch(FAILPOINT="after_fold:20:block"), begin(10_000_000, rate=1_000)],
                judged=False,
            )
            worker = stage.worker
            await eventually(lambda w=worker: w.struck("after_fold"), "the loop is blocked")
            began = time.monotonic()
            await stage.play([folded(1_000), caught_up(within=30.0), enough()])
            assert time.monotonic() - began >= BLOCK_SECONDS / 2
            assert worker.exit_code is None, worker.last_words
