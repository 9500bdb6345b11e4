"""The gauges of the state show the partitions that are held, soon after they came or went."""

from __future__ import annotations

import asyncio
from typing import Final

from stream_app.core.identities import KEPT
from stream_app.metrics import Metrics
from stream_app.worker.app import LtvApp
from stream_app.worker.audit import Audit
from tests.rig.waiting import eventually
from tests.worker.memory_log import MemoryLogs
from tests.worker.memory_worker import MemoryWorker
from tests.worker.records import bought, folded, partition, settings


class NoLog(LtvApp):
    """An app without a consumer, which would be made with its thread when asked: no lag."""

    def lag(self, number: int) -> dict[str, int]:
        return {}


async def test_partitions_that_come_after_the_first_look_are_looked_over_at_once() -> None:
    """A worker looks the first time before anything is assigned, and the next round is a minute
    away."""
    own = settings(PARTITIONS="1")
    worker, metrics = MemoryWorker(own, MemoryLogs()), Metrics("test")
    held = worker.partitions.held
    audit = asyncio.ensure_future(Audit(own, NoLog("nobody"), worker.partitions, metrics).run())
    try:
        await eventually(lambda: metrics.value("ltv_partitions", "1") == 1, "a look at nothing")
        # What nobody has looked at is unknown, not 0.
        assert "\nltv_state_imbalance_minor" not in metrics.text().decode()
        held[0] = partition(own, epoch=3)
        folded(held[0], *[bought(offset) for offset in range(KEPT + 1)])
        name: Final = "ltv_dedup_saturated_customers"
        await eventually(lambda: metrics.value(name) == 1, "the customer is counted", 20.0)
        assert metrics.value("ltv_state_imbalance_minor") == 0
        assert metrics.value("ltv_partitions_held", "1") == 1
        del held[0]
        await eventually(lambda: metrics.value(name) == 0, "the customer is gone", 20.0)
        assert metrics.value("ltv_partitions_held", "1") == 0
    finally:
        audit.cancel()
        await worker.stop()
