"""A million customers: how fast a worker is ready again, and how much memory one takes."""

from __future__ import annotations

import time

from tests.bench.bed import Bed, resident_bytes, until_published
from tests.bench.feed import one_each, send
from tests.bench.results import Figure

CUSTOMERS = 1_000_000


async def run(bed: Bed) -> list[Figure]:
    """Fold 2.94 M purchases, stop, start again; then a cold start without state."""
    own = {"APP_ID": "recovery", "KEY_PREFIX": "recovery:", "TOPIC_PURCHASES": "purchases-recovery"}
    await bed.make_topics(**own)
    events = await send(bed.stack.brokers, own["TOPIC_PURCHASES"], 8, one_each(CUSTOMERS))
    async with bed.worker(bed.variables(**own)) as worker:
        empty = resident_bytes(worker.pid)
        await until_published(worker, events)
    async with bed.worker(bed.variables(**own)) as worker:
        metrics = await worker.metrics()
        held = resident_bytes(worker.pid)
        seconds = metrics["ltv_recovery_seconds",]
        records = metrics["ltv_recovery_records_total",]
    note = f"{records:,.0f} changelog records of {CUSTOMERS:,} customers"
    return [
        Figure("recovery", records / seconds, "records/s", ">= 200,000", note),
        Figure("1 M customers ready", seconds, "s", "<= 10", note),
        Figure(
            "memory a customer",
            (held - empty) / CUSTOMERS,
            "bytes",
            "<= 560",
            "resident memory after recovery less that of an empty worker; 2.94 orders each",
        ),
        await cold_start(bed),
    ]


async def cold_start(bed: Bed) -> Figure:
    """From the start of the process to the first event folded, without state."""
    own = {"APP_ID": "cold", "KEY_PREFIX": "cold:", "TOPIC_PURCHASES": "purchases-cold"}
    await bed.make_topics(**own)
    await send(bed.stack.brokers, own["TOPIC_PURCHASES"], 8, one_each(10))
    async with bed.worker(bed.variables(**own)) as worker:
        while not await worker.total("ltv_events_total"):
            pass
        seconds = time.monotonic() - worker.began
    return Figure("cold start to first event", seconds, "s", "<= 1.5", "from process start")
