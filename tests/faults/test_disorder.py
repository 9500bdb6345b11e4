"""Events in any order: a whole log shuffled, late ones, consequences before their causes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.generate import Shape, generate
from tests.rig.script import drain, feed, kill9, restart, start
from tests.rig.stage import Stages
from tests.rig.states import State, state_of, unlike

pytestmark = [pytest.mark.timeout(3_600), pytest.mark.fault("F11")]


async def test_a_shuffled_log_equals_the_sorted_oracle_and_the_log_in_order(
    stages: Stages, long: bool
) -> None:
    """5 % are 90 days late; cancellations come before their purchases, signups after them. Each
    state is held against the oracle, and both against each other, byte for byte."""
    records = 300_000 if long else 5_000
    in_order = Shape(
        seed=stages.seed,
        customers=records // 20,
        records=records,
        late=0.05,
        cancellations=0.08,
        cancelled_first=0.5,
        foreign=0.2,
    )
    states: list[State] = []
    for shape in (in_order, replace(in_order, shuffle=True)):
        async with stages.open(shape, log=generate(shape)) as stage:
            half = records // 2
            await stage.play([start(), feed(half), kill9(), restart(), feed(half), drain()])
            states.append(state_of(stage.judge))
    assert not unlike(*states)
