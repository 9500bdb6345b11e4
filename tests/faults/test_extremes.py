"""Values of a megabyte, a customer who never stops ordering, one key with half the load."""

from __future__ import annotations

import pytest

from tests.generate import Shape
from tests.rig.script import begin, drain, end, feed, folded, kill9, metric, restart, start
from tests.rig.stage import Stage, Stages
from tests.rig.states import state_of

pytestmark = [pytest.mark.timeout(3_600), pytest.mark.fault("F13")]

SATURATED = "ltv_dedup_saturated_customers"

BOUND_BYTES = 64 << 10
"""Of a customer of ten years of daily orders, as the README promises; the logs here span two."""


async def _bounded(stage: Stage) -> None:
    """No customer is over the bound, nobody ended, and nothing had to be started again."""
    sizes = [len(facts) for facts in state_of(stage.judge).values()]
    assert max(sizes) <= BOUND_BYTES
    assert stage.worker.exit_code is None


async def test_values_of_a_megabyte_are_folded_like_others(stages: Stages, long: bool) -> None:
    """`LTV_MAX_VALUE` allows 983,040 bytes."""
    records = 2_000 if long else 400
    shape = Shape(seed=stages.seed, customers=100, records=records, big=0.1, big_bytes=982_000)
    async with stages.open(shape) as stage:
        await stage.play(
            [start(), feed(records // 2), kill9(), restart(), feed(records - records // 2)]
        )
        sizes = [len(raw.value or b"") for raw in stage.ledger.records.values()]
        assert sum(size > 980_000 for size in sizes) > records // 20
        assert not stage.ledger.dead_letters()
        await _bounded(stage)


async def test_a_customer_with_orders_without_end_stays_small(stages: Stages, long: bool) -> None:
    records = 1_000_000 if long else 50_000
    shape = Shape(seed=stages.seed, customers=1, records=records, hot=1.0)
    async with stages.open(shape) as stage:
        await stage.play([start(), feed(records), drain(), kill9(), restart()])
        assert set(stage.ledger.customers()) == {"c-0"}
        await stage.play([metric(SATURATED, 1, within=30.0)], judged=False)
        await _bounded(stage)


async def test_half_the_load_on_one_key_is_folded_like_any_other(
    stages: Stages, long: bool
) -> None:
    records = 500_000 if long else 15_000
    shape = Shape(seed=stages.seed, customers=1_000, records=records, hot=0.5)
    async with stages.open(shape, SLICE_RECORDS="200") as stage:
        await stage.play(
            [start(), begin(records), folded(1_000), kill9(), restart(), folded(1_000), end()]
        )
        await _bounded(stage)
