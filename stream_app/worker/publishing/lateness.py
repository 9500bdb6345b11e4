"""How late scores are: of the slices whose customers await Redis, and of those that reached it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from stream_app.metrics import Metrics
from stream_app.worker.partition import Partition, Waiting

WAITING_KEPT: Final = 10_000
"""Slices of a partition whose lateness is remembered while Redis is away: the oldest."""


def observe(waiting: Iterable[Waiting], metrics: Metrics) -> None:
    """Slices are in Redis now: each once, for all its events, from its oldest record."""
    now = time.time()
    for each in waiting:
        if each.oldest_timestamp_ms >= 0:
            late = max(0.0, now - each.oldest_timestamp_ms / 1000)
            metrics.observe("ltv_event_to_redis_seconds", late, each.events)


def age_of_newest(partitions: Iterable[Partition]) -> float:
    """Age in seconds of the newest event that was folded; 0 where none waits for Redis."""
    newest = (each.waiting[-1].newest_timestamp_ms for each in partitions if each.waiting)
    latest = max(newest, default=-1)  # -1: a record without a timestamp
    return max(0.0, time.time() - latest / 1000) if latest >= 0 else 0.0


def trim(partitions: Iterable[Partition]) -> None:
    """Forget the latest of too many slices."""
    for each in partitions:
        del each.waiting[WAITING_KEPT:]
