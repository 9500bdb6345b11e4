"""The gauges of the state: there with the first partition, and of what is held."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from stream_app.metrics import Metrics
from stream_app.worker.app import LtvApp
from stream_app.worker.audit import Audit
from stream_app.worker.partition import Partition
from stream_app.worker.partitions import Partitions
from tests.rig.waiting import eventually
from tests.worker.appending import Rig
from tests.worker.records import settings


class NoLog(LtvApp):
    """An app without a consumer: of lag nothing is known."""

    def lag(self, number: int) -> dict[str, int]:
        return {}


async def test_state_is_looked_at_when_partitions_come_and_unknown_before(rig: Rig) -> None:
    rig.put("a", "a", "b")
    await rig.quiet()
    held: dict[int, Partition] = {}
    metrics = Metrics("test")
    # Two attributes of what owns partitions are all that is looked at.
    owner = cast(Partitions, SimpleNamespace(held=held, recovering=set()))
    audit = Audit(settings(BUILD="3"), NoLog("nobody"), owner, metrics)
    task: asyncio.Task[Any] = asyncio.create_task(audit.run())
    await eventually(lambda: metrics.value("ltv_partitions", "3") == 8, "it runs")
    assert "\nltv_revenue_minor" not in metrics.text().decode()
    assert "\nltv_state_imbalance_minor" not in metrics.text().decode()
    held[0] = rig.partition
    await eventually(lambda: metrics.value("ltv_revenue_minor", "USD") == 3000, "it looks")
    assert metrics.value("ltv_partitions_held", "3") == 1
    held.clear()
    await eventually(lambda: metrics.value("ltv_revenue_minor", "USD") == 0, "it looks again")
    assert metrics.value("ltv_partitions_held", "3") == 0
    task.cancel()
    await asyncio.wait({task})
