"""Cohort totals of all partitions together, as a reader of Redis has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stream_app.core.cohorts.cells import Table
from stream_app.core.cohorts.columns import Columns, summed
from stream_app.wire.cohorts import Meta, decode


@dataclass(frozen=True)
class PublishedCohorts:
    """One table, summed over the partitions that are there."""

    table: Table
    columns: Columns
    currency: str
    time_zone: str
    partitions: int
    """How many there are in all."""
    missing: tuple[int, ...]
    """Partitions of which nothing is published yet."""
    oldest_at: int
    """Unix seconds at which the oldest of these totals were written."""
    first_days: tuple[int | None, ...]
    """First days of what the table needs: purchases, and signups where it is by them."""
    last_day: int | None
    """Day of the latest accepted event."""

    @property
    def channels(self) -> list[str | None]:
        """Those that some customer has; None for customers without one."""
        numbers = sorted(set(self.columns.channel.tolist()))
        return [self.columns.channels[number] for number in numbers]


def published_cohorts(values: Mapping[int, bytes], table: Table) -> PublishedCohorts:
    """The sum of what the hash of a publication holds, by partition; at least one.

    ValueError where one can't be read, or they are not of one business.
    """
    metas: dict[int, Meta] = {}
    parts: list[Columns] = []
    for number, value in sorted(values.items()):
        try:
            metas[number], columns = decode(value, table)
        except ValueError as error:
            raise ValueError(f"partition {number}: {error}") from None
        parts.append(columns)
    kinds = {(meta.currency, meta.time_zone, meta.partitions) for meta in metas.values()}
    if len(kinds) != 1:
        raise ValueError(f"totals of different currencies, time zones or partitions: {kinds}")
    ((currency, time_zone, partitions),) = kinds
    first_days = [_least(meta.first_purchase_day for meta in metas.values())]
    if table == "signup":
        first_days.append(_least(meta.first_signup_day for meta in metas.values()))
    return PublishedCohorts(
        table,
        summed(parts, by_channel=True),
        currency,
        time_zone,
        partitions,
        tuple(number for number in range(partitions) if number not in metas),
        min(meta.published_at for meta in metas.values()),
        tuple(first_days),
        max((meta.last_day for meta in metas.values() if meta.last_day is not None), default=None),
    )


def _least(days: Iterable[int | None]) -> int | None:
    return min((day for day in days if day is not None), default=None)
