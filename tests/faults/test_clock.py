"""The worker's wall clock is wrong by a day, or jumps: state does not know what time it is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from stream_app.settings import Settings, load
from stream_app.stores.log_reader import LogReader
from stream_app.wire.changelog import CLAIM_KEY, decode_claim, decode_value
from tests.generate import Shape
from tests.rig.script import begin, drain, end, feed, folded, kill9, launch, ready, restart
from tests.rig.stage import Stage, Stages
from tests.rig.states import state_in, unlike
from tests.rig.waiting import eventually
from tests.rig.wrong_clock import DAY, WrongClock

pytestmark = [pytest.mark.timeout(900), pytest.mark.fault("F12")]

OFF = {"right": 0, "ahead": DAY, "behind": -DAY}


async def test_state_is_the_same_whatever_the_workers_clock_says(
    stages: Stages, tmp_path: Path, long: bool
) -> None:
    """Four builds of the same topics: a clock that is right, one a day ahead, one a day behind, and
    one that jumps back two days and on again under load; that one publishes, and is judged."""
    records = 100_000 if long else 4_000
    jumping = WrongClock(tmp_path / "jumping", DAY)
    clocks = {name: WrongClock(tmp_path / name, off) for name, off in OFF.items()}
    shape = Shape(
        seed=stages.seed, customers=records // 20, records=records, poison={"bad_id": 0.01}
    )
    async with stages.open(shape) as stage:
        with jumping.worn():
            await stage.play([launch("jumping"), ready("jumping")], judged=False)
        for build, (name, clock) in enumerate(clocks.items(), 2):
            with clock.worn():
                await stage.play([launch(name, BUILD=str(build))], judged=False)
        await stage.play([begin(records // 4), folded(100), end()], judged=False)
        jumping.jump(-DAY)
        await stage.play([feed(records // 4)], judged=False)
        jumping.jump(DAY)
        with jumping.worn():
            await stage.play([drain(), kill9("jumping"), restart("jumping")], judged=False)
        jumping.jump(0)
        await stage.play([feed(records // 2), drain()], judged=True)
        builds = {name: _settings(stage, number) for number, name in enumerate(clocks, 2)}
        for name, settings in builds.items():
            await _has_the_state(stage, name, settings)
            claimed = await _claimed_at(settings)
            assert abs(claimed - time.time() - OFF[name]) < 900.0, "the clock was not wrong"


def _settings(stage: Stage, build: int) -> Settings:
    given = {f"LTV_{key}": value for key, value in stage.variables.items()}
    return load(given | {"LTV_BUILD": str(build)})


async def _has_the_state(stage: Stage, name: str, settings: Settings) -> None:
    """Wait until a build's state is, byte for byte, that of the build that was judged."""
    judged = await state_in(stage.settings)
    wrong: list[bytes] = []

    async def is_so() -> bool:
        wrong[:] = unlike(await state_in(settings), judged)
        return not wrong

    await eventually(is_so, lambda: f"{name} has the same state; {len(wrong)} differ: {wrong[:3]}")


async def _claimed_at(settings: Settings) -> float:
    """Unix seconds that the worker's clock showed when it took partition 0."""
    place = TopicPartition(settings.changelog_topic, 0)
    log = LogReader(settings)
    await log.start()
    try:
        starts, ends = await log.starts([place]), await log.ends([place])
        records = await log.read_range(place, starts[place], ends[place])
    finally:
        await log.stop()
    claims = [decode_claim(decode_value(one.value)[1]) for one in records if one.key == CLAIM_KEY]
    return claims[0].at_ms / 1000
