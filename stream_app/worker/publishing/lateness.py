"""How late scores are when they reach Redis, slice by slice; how old those of the silent are."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from stream_app.metrics import Metrics
from stream_app.worker.partition import Partition, Waiting
from stream_app.worker.publishing.follower import Follower
from stream_app.worker.publishing.scoring import Scoring

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


def show_age(followers: Iterable[Follower], scoring: Scoring, metrics: Metrics) -> None:
    """Say how long ago silence was last looked at in every score, where time passes at all."""
    ages = [
        scoring.as_of.of(each.partition) - each.swept
        for each in followers
        if each.writable and each.swept and scoring.as_of.moves
    ]
    if ages:
        metrics.set("ltv_score_age_seconds", max(0, *ages))
    else:
        metrics.forget("ltv_score_age_seconds")
