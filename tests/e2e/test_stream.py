"""From Kafka through the worker: what must come out, comes out."""

from __future__ import annotations

import pytest

from tests.generate import Shape
from tests.rig.script import drain, feed, start
from tests.rig.stage import Stages

pytestmark = pytest.mark.timeout(240)


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
        assert stage.ledger.unconverted().keys() >= {"KRW", "KWD", "EUR"}
        assert sum(counts.duplicate for counts in stage.ledger.outcomes().values()) > 500
