"""Cohort totals of the CDNOW sample, followed event by event as a worker does."""

from __future__ import annotations

from functools import cache
from itertools import repeat

from stream_app.core.cohorts.totals import Totals
from tests.cdnow_log import cdnow_records
from tests.core.cohort_logs import Following, chunks


@cache
def cdnow_totals() -> Totals:
    """Counted by difference, 997 orders at a time."""
    following = Following()
    for piece in chunks(list(cdnow_records()), repeat(997)):
        following.take(piece)
    return following.totals
