"""Whether totals still move: a report of a shop without a worker must say so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

STALE_SECONDS: Final = 120
"""Totals are published at least every thirty seconds while a worker lives."""


def is_stale(oldest_at: int, now: float) -> bool:
    """Whether some partition has had no worker lately, so that what came since is not counted.

    `oldest_at`: Unix seconds at which the oldest totals were published; 0 where nobody says.
    """
    return oldest_at > 0 and now - oldest_at > STALE_SECONDS


def stale_sentence(oldest_at: int) -> str:
    """
    >>> stale_sentence(0)
    'No worker has kept some of these totals since 1970-01-01 00:00Z: what came after is missing.'
    """
    since = datetime.fromtimestamp(oldest_at, UTC).strftime("%Y-%m-%d %H:%MZ")
    return f"No worker has kept some of these totals since {since}: what came after is missing."
