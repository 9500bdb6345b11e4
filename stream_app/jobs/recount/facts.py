"""The records of one partition, topic by topic -> its customers and what was counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from stream_app.jobs.recount.ledger import Ledger
from stream_app.jobs.recount.read import RawRecord, Reader, Rules


class RefusedRecord(NamedTuple):
    """A record that must lie in the dead letters, and why."""

    topic: str
    partition: int
    offset: int
    reason: str


@dataclass(slots=True)
class TopicCount:
    """Records of one topic in one partition: each is exactly one of the three."""

    applied: int = 0
    duplicate: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def refused_total(self) -> int:
        """Refusals of every reason."""
        return self.refused.total()

    @property
    def read(self) -> int:
        """All records that were read."""
        return self.applied + self.duplicate + self.refused_total


class PartitionRecount:
    """Counts one partition from nothing.

    `topics` maps each topic's name to its role: purchases, signups or activity.  An identity is
    (customer, type, event id; of a cancellation the order id); the first in the log wins, and the
    types of two topics never meet, so topics may be read one after another.
    """

    def __init__(self, topics: dict[str, str], rules: Rules) -> None:
        self._readers = {topic: Reader(role, rules) for topic, role in topics.items()}
        self._seen: set[str] = set()
        self.customers: dict[str, Ledger] = {}
        self.counts: dict[str, TopicCount] = {topic: TopicCount() for topic in topics}
        self.refused: list[RefusedRecord] = []
        self.net_minor = 0
        self.newest_us = 0

    def count(self, topic: str, records: Iterable[RawRecord], until_us: int | None = None) -> None:
        """Count records of one topic, in the order of the log.

        With `until_us` what happened then or later is passed over, as if it were not there.
        """
        reader, counts = self._readers[topic], self.counts[topic]
        seen, customers = self._seen, self.customers
        for record in records:
            entry = reader.read(record)
            if isinstance(entry, str):
                counts.refused[entry] += 1
                place = (topic, record.partition, record.offset)
                self.refused.append(RefusedRecord(*place, entry))
                continue
            if until_us is not None and entry.at_us >= until_us:
                continue
            if entry.type != "activity":
                identity = f"{entry.customer}\0{entry.type}\0{entry.identity}"
                if identity in seen:
                    counts.duplicate += 1
                    continue
                seen.add(identity)
            ledger = customers.get(entry.customer)
            if ledger is None:
                ledger = customers[entry.customer] = Ledger()
            ledger.enter(entry)
            counts.applied += 1
            if entry.at_us > self.newest_us:
                self.newest_us = entry.at_us
            if entry.base_minor is not None:
                self.net_minor += (
                    entry.base_minor if entry.type == "purchase" else -entry.base_minor
                )
