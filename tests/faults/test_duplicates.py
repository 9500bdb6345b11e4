"""The same event comes again: at once, much later, in another life of the worker."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from stream_app.core.identities import KEPT
from tests.core.naive_decoder import RawRecord
from tests.generate import Shape
from tests.rig.script import drain, feed, kill9, metric, restart, sigterm, start
from tests.rig.stage import Stages

pytestmark = [pytest.mark.timeout(1_800), pytest.mark.fault("F10")]

SATURATED = "ltv_dedup_saturated_customers"
"""The gauge of customers past the bound."""


async def test_a_tenth_twice_and_the_whole_file_again_across_restarts_double_nothing(
    stages: Stages, long: bool
) -> None:
    """No customer comes past the bound within which that is promised."""
    records = 200_000 if long else 6_000
    shape = Shape(
        seed=stages.seed,
        customers=records // 20,
        records=records,
        duplicates=0.1,
        cancellations=0.05,
    )
    async with stages.open(shape, SLICE_RECORDS="200") as stage:
        await stage.play(
            [start(), feed(records // 2), kill9(), restart(), feed(records // 2), drain()],
            judged=False,
        )
        sent = list(stage.ledger.records.values())
        await stage.play([kill9(), restart()], judged=False)
        await stage.load.send(sent[: len(sent) // 2])
        await stage.play([drain(), sigterm(), restart()], judged=False)
        await stage.load.send(sent[len(sent) // 2 :])
        await stage.play([drain()])
        counted = stage.ledger.outcomes().values()
        # Activities are applied again and change nothing; all else of the file is a duplicate.
        assert sum(one.duplicate for one in counted) > 0.9 * records
        facts = stage.ledger.customers().values()
        assert max(one.identities for one in facts) <= KEPT


def purchases(customer: str, count: int) -> Iterator[RawRecord]:
    """Distinct purchases of one customer over a year."""
    for number in range(count):
        event = {
            "event_id": f"e-{number}",
            "customer_id": customer,
            "order_id": f"o-{number}",
            "occurred_at": f"2023-{number % 12 + 1:02d}-{number % 28 + 1:02d}T10:00:00Z",
            "amount": f"{number % 90 + 1}.50",
            "currency": "USD",
        }
        yield RawRecord("purchases", customer.encode(), orjson.dumps(event), 0)


async def test_customers_past_the_bound_are_counted_and_those_at_it_double_nothing(
    stages: Stages, long: bool
) -> None:
    beyond, within = (50, 50) if long else (2, 2)
    async with stages.open() as stage:
        await stage.play([start()], judged=False)
        for number in range(beyond):
            await stage.load.send(purchases(f"beyond-{number}", KEPT + 1 + number * 37 % 300))
        for number in range(within):
            await stage.load.send(purchases(f"within-{number}", KEPT))
        await stage.play([drain()])
        for number in range(within):
            await stage.load.send(purchases(f"within-{number}", KEPT))
        # All customers are looked over at a start, and then once a minute.
        await stage.play([drain(), kill9(), restart(), metric(SATURATED, beyond, within=30.0)])
