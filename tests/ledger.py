"""What was produced, where it came to lie, and what must therefore come of it.

The ledger of the end to end, fault and bench code: it is told each acknowledged record with its
partition and offset, and asks the oracle for the rest.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.core import naive
from tests.core.naive_decoder import RawRecord, Refused, java_partition, judge


class Place(NamedTuple):
    """Where a record lies; `role` is the topic's role."""

    role: str
    partition: int
    offset: int


class Outcomes(NamedTuple):
    """The three that add up to the records of a topic's partition."""

    applied: int
    duplicate: int
    refused: int


@dataclass
class Ledger:
    """Records by place. `partitions` None: the partitioner is not checked (setting `trust`)."""

    currency: str = "USD"
    time_zone: str = "UTC"
    partitions: int | None = None
    records: dict[Place, RawRecord] = field(default_factory=dict)
    _judged: dict[Place, dict[str, Any] | str] = field(default_factory=dict)

    def add(self, raw: RawRecord, partition: int, offset: int) -> None:
        """A record was acknowledged at this place."""
        self.records[Place(raw.role, partition, offset)] = raw._replace(partition=partition)

    def partition_for(self, raw: RawRecord) -> int:
        """Where a sane producer puts it; a stray one (see POISONS) goes one partition too far."""
        count = self.partitions or 1
        right = java_partition(raw.key or b"", count)
        return (right + 1) % count if (raw.key or b"").startswith(b"stray-") else right

    def judged(self) -> dict[Place, dict[str, Any] | str]:
        """For every place the event, or the reason for its refusal; in log order."""
        for place in self.records.keys() - self._judged.keys():
            self._judged[place] = self._judge(self.records[place])
        return dict(sorted(self._judged.items()))

    def _judge(self, raw: RawRecord) -> dict[str, Any] | str:
        try:
            return judge(raw, currency=self.currency, partitions=self.partitions)
        except Refused as refused:
            return refused.reason

    def dead_letters(self) -> dict[Place, str]:
        """Exactly the letters that must be there, with their reasons; repeats are allowed."""
        return {place: found for place, found in self.judged().items() if isinstance(found, str)}

    def events(self) -> list[dict[str, Any]]:
        """Every accepted event, each partition of each topic in the order of its log."""
        return [found for found in self.judged().values() if not isinstance(found, str)]

    def customers(self) -> dict[str, naive.Facts]:
        """The facts of every customer."""
        return {
            customer: naive.facts(events, time_zone=self.time_zone)
            for customer, events in naive.by_customer(self.events()).items()
        }

    def outcomes(self) -> dict[tuple[str, int], Outcomes]:
        """By (topic role, partition): applied + duplicate + refused = records."""
        counts: Counter[tuple[str, int, str]] = Counter()
        seen: set[tuple[str, str, str]] = set()
        for place, found in self.judged().items():
            counts[place.role, place.partition, _outcome(found, seen)] += 1
        return {
            (role, partition): Outcomes(
                *(counts[role, partition, outcome] for outcome in Outcomes._fields)
            )
            for role, partition in sorted({(place.role, place.partition) for place in self.records})
        }

    def revenue_minor(self) -> int:
        """Of all customers, base currency."""
        return sum(found.revenue_minor for found in self.customers().values())

    def unconverted(self) -> dict[str, tuple[int, int]]:
        """Over all customers, by currency: (gross, refunds) in its own minor units."""
        sums: dict[str, tuple[int, int]] = {}
        for found in self.customers().values():
            for currency, (gross, refunds) in found.other_currencies.items():
                before = sums.get(currency, (0, 0))
                sums[currency] = before[0] + gross, before[1] + refunds
        return sums


def _outcome(found: dict[str, Any] | str, seen: set[tuple[str, str, str]]) -> str:
    if isinstance(found, str):
        return "refused"
    if found["type"] == "activity":
        return "applied"
    key = naive.identity(found)
    if key in seen:
        return "duplicate"
    seen.add(key)
    return "applied"
