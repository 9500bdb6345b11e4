"""The cohort totals in Redis, against every cell counted from the ledger by the oracle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import redis

from stream_app.core.cohorts.cells import TABLES, cell_name
from stream_app.core.cohorts.unpacked import NO_MONTH
from stream_app.settings import Settings
from stream_app.wire.published_cohorts import published_cohorts
from tests.core import naive_cohort
from tests.core.naive_cohort import Cohorts

COHORTS_LATE_SECONDS = 20.0
"""How long totals may be behind the state on a busy machine; about a second otherwise."""


def expected_cohorts(events: Iterable[dict[str, Any]], settings: Settings) -> dict[str, Cohorts]:
    """What must be there."""
    return naive_cohort.cohorts(events, time_zone=settings.time_zone)


def cohort_differences(
    store: redis.Redis, settings: Settings, expected: dict[str, Cohorts]
) -> list[str]:
    """Cells and members that are not what they must be, in words."""
    gen = store.hget(f"{settings.key_prefix}gen", "gen")
    if gen is None:
        return ["nobody publishes"]
    assert isinstance(gen, bytes)
    stored: Any = store.hgetall(f"{settings.key_prefix}cohorts:{gen.decode()}")
    if not stored:
        return ["no cohort totals are published"]
    values = {int(number): value for number, value in stored.items()}
    found: list[str] = []
    for table in TABLES:
        shown, wanted = _shown(values, table), expected[table]
        found += [
            f"cohort {table} {key}: {shown.get(key)}, expected {wanted.get(key)}"
            for key in shown.keys() | wanted.keys()
            if shown.get(key) != wanted.get(key)
        ]
    return found


def _shown(values: dict[int, bytes], table: Any) -> Cohorts:
    columns = published_cohorts(values, table).columns
    shown: Cohorts = {}
    rows = zip(columns.channel.tolist(), columns.month.tolist(), columns.cohorts(), strict=True)
    for channel, month, cohort in rows:
        name = None if month == NO_MONTH else f"{1970 + month // 12:04d}-{month % 12 + 1:02d}"
        cells = {cell_name(place): tuple(cell) for place, cell in cohort.cells.items()}
        own = naive_cohort.Cohort(cohort.members, cohort.buyers, cells)  # type: ignore[arg-type]
        own.second_after.update(cohort.second_after)
        shown[columns.channels[channel], name] = own
    return shown
