"""The gauges of the state show the partitions that are held, soon after they came or went."""

from __future__ import annotations

import asyncio

from stream_app.core.identities import KEPT
from stream_app.metrics import Metrics
from stream_app.worker.audit import Audit
from tests.rig.waiting import eventually
from tests.worker.memory_log import MemoryLogs
from tests.worker.memory_worker import MemoryWorker
from tests.worker.records import bought, folded, partition, settings


async def test_partitions_that_come_after_the_first_look_are_looked_over_at_once() -> None:
    """A worker looks the first time before anything is assigned, and the next round is a minute
    away."""
    own = settings(PARTITIONS="1")
    worker, metrics = MemoryWorker(own, MemoryLogs()), Metrics("test")
    held = worker.partitions.held

    def saturated() -> float:
        return metrics.value("ltv_dedup_saturated_customers")

    audit = asyncio.ensure_future(Audit(own, worker.app, worker.partitions, metrics).run())
    try:
        await eventually(lambda: metrics.value("ltv_customers") == 0, "a look at nothing")
        held[0] = partition(own, epoch=3)
        folded(held[0], *[bought(offset) for offset in range(KEPT + 1)])
        await eventually(lambda: saturated() == 1, "the customer is counted", 20.0)
        assert metrics.value("ltv_state_imbalance_minor") == 0
        del held[0]
        await eventually(lambda: saturated() == 0, "the customer is gone", 20.0)
    finally:
        audit.cancel()
        await worker.stop()
