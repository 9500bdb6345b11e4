"""From Kafka through the worker: what must come out, comes out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cdnow_log import cdnow_records
from tests.core.naive_decoder import RawRecord
from tests.generate import Shape, generate
from tests.poison import POISONS
from tests.rig.script import drain, feed, start
from tests.rig.stage import Stages

pytestmark = pytest.mark.timeout(240)

ORDERS, CUSTOMERS, REVENUE_MINOR = 6_919, 2_357, 24_409_194
"""Of the CDNOW sample."""


async def test_every_customer_of_real_purchase_history_equals_the_oracle(stages: Stages) -> None:
    async with stages.open(log=cdnow_records()) as stage:
        await stage.play([start(), feed(ORDERS)])
        assert len(stage.ledger.records) == ORDERS
        assert len(stage.ledger.customers()) == CUSTOMERS
        assert stage.ledger.revenue_minor() == REVENUE_MINOR
        metrics = await stage.worker.metrics()
        assert metrics["ltv_events_total", "applied", stage.settings.topic_purchases] == ORDERS


async def test_out_of_order_duplicated_and_foreign_events_equal_the_oracle(stages: Stages) -> None:
    """Everything at once: shuffled, a tenth twice, cancelled before bought, three currencies."""
    shape = Shape(
        seed=stages.seed,
        customers=300,
        records=12_000,
        shuffle=True,
        duplicates=0.1,
        cancellations=0.08,
        cancelled_first=0.5,
        late=0.05,
        foreign=0.4,
        unrated=0.3,
    )
    async with stages.open(shape, TIMEZONE="America/New_York") as stage:
        await stage.play([start(), feed(6_000), drain(), feed(6_000)])
        assert stage.ledger.unconverted().keys() == {"KRW", "KWD", "EUR"}
        assert sum(counts.duplicate for counts in stage.ledger.outcomes().values()) > 500


async def test_every_refusal_becomes_a_dead_letter_with_its_bytes_untouched(
    stages: Stages,
) -> None:
    """Nothing is dropped in silence, and the worker never stops for it."""
    shape = Shape(
        seed=stages.seed,
        customers=200,
        records=6_000,
        duplicates=0.05,
        poison=dict.fromkeys(POISONS, 0.006),
    )
    async with stages.open(shape, log=_with_headers(shape), SLICE_RECORDS="200") as stage:
        await stage.play([start(), feed(3_000), drain(), feed(3_000)])
        assert set(stage.ledger.dead_letters().values()) == set(POISONS)
        assert stage.worker.exit_code is None
        read = await stage.worker.total("ltv_events_total")
        assert read == len(stage.ledger.records)
        letters = await stage.worker.total("ltv_dead_letters_total")
        assert letters == len(stage.ledger.dead_letters())


def _with_headers(shape: Shape) -> Iterator[RawRecord]:
    """Records with headers of a stranger, one of them given twice and not UTF-8."""
    for number, record in enumerate(generate(shape)):
        mine = (("trace", b"%d" % number), ("trace", b"\xff\x00"), ("empty", b""))
        yield record._replace(headers=mine)
