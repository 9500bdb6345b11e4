"""One partition's live state: its customers, how far they reach, and what awaits Redis.

Memory is ahead of the changelog only by the slices in flight.  ``customers`` holds the
newest version of everybody; a customer that a slice in flight has touched is counted in
``unacknowledged``, and its acknowledged version is reachable only through ``dirty``.  A slice
copies a customer before it changes it, so a version, once handed on, never changes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stream_app.core.customer import Customer
from stream_app.wire.changelog import Watermark

if TYPE_CHECKING:
    from stream_app.worker.tracing import SliceSpan


@dataclass(slots=True)
class Waiting:
    """A slice whose customers are not all in Redis yet; observed once, not once an event."""

    end_offset: int
    """The changelog offset after the slice's last record."""
    oldest_timestamp_ms: int
    """Kafka timestamp of the slice's first record."""
    events: int
    """Records in the slice."""
    span: SliceSpan | None = None
    """Its trace, which the publish that writes it links to."""


@dataclass(slots=True)
class Uncounted:
    """Customers that acknowledged slices have changed since the totals were last brought up to
    them: each as the totals count it, and as it is now."""

    before: dict[bytes, Customer | None] = field(default_factory=dict)
    after: dict[bytes, Customer] = field(default_factory=dict)

    def note(self, before: dict[bytes, Customer | None], after: dict[bytes, Customer]) -> None:
        """A slice is acknowledged."""
        first = self.before.setdefault
        for key, customer in before.items():
            first(key, customer)
        self.after.update(after)

    def take(self) -> tuple[list[Customer | None], list[Customer]]:
        """All there is, in two lists of one order; nothing is left."""
        before, after = self.before, self.after
        self.before, self.after = {}, {}
        return list(before.values()), [after[key] for key in before]


@dataclass(slots=True)
class Partition:
    """What the owner of one partition keeps in memory."""

    number: int
    epoch: int
    """Offset of this owner's claim in the changelog; unique and ordered among owners."""
    watermark: Watermark
    """How far ``customers`` reaches in each topic, with the counts; includes slices in flight."""
    next_offset: int
    """Next changelog offset after everything acknowledged; another one is a foreign write."""
    acknowledged: dict[str, int]
    """Per source topic: the next offset that the acknowledged state starts from."""
    customers: dict[bytes, Customer] = field(default_factory=dict)
    unacknowledged: dict[bytes, int] = field(default_factory=dict)
    """Keys touched by slices in flight, with the number of such slices."""
    dirty: dict[bytes, Customer] = field(default_factory=dict)
    """Acknowledged versions that Redis does not show yet."""
    max_at_us: int = 0
    """Largest acknowledged ``occurred_at``, microseconds since 1970."""
    net_minor: int = 0
    """Money of all acknowledged events."""
    recovered: list[Customer] = field(default_factory=list)
    """Everybody as the changelog had them when the partition was taken; the first count empties
    it."""
    uncounted: Uncounted = field(default_factory=Uncounted)
    waiting: list[Waiting] = field(default_factory=list)
    late_seconds: float | None = None
    """From a record's timestamp to its customer's score in Redis, of the last slice written."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when ``dirty`` gains something; the publisher clears it."""

    def position(self, topic: str) -> int:
        """Next offset of ``topic`` to fold; 0 before the first record."""
        source = self.watermark.sources.get(topic)
        return source.next_offset if source is not None else 0
