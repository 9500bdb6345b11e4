"""How late scores are when they reach Redis, slice by slice."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from stream_app.metrics import Metrics
from stream_app.worker.partition import Partition, Waiting

WAITING_KEPT: Final = 10_000
"""Slices of a partition whose lateness is remembered while Redis is away: the oldest."""


def observe(partition: Partition, waiting: Iterable[Waiting], metrics: Metrics) -> None:
    """Slices are in Redis now: each once, for all its events, from its oldest record."""
    now = time.time()
    for each in waiting:
        if each.oldest_timestamp_ms >= 0:
            late = partition.late_seconds = max(0.0, now - each.oldest_timestamp_ms / 1000)
            metrics.observe("ltv_event_to_redis_seconds", late, each.events)


def trim(partitions: Iterable[Partition]) -> None:
    """Forget the latest of too many slices."""
    for each in partitions:
        del each.waiting[WAITING_KEPT:]
