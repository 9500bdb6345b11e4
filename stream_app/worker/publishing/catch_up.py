"""A pass over all customers of a partition, for what live changes alone would not bring to Redis.

Three reasons for one: Redis may lack anything (everything is published), Redis stopped at an older
position (customers changed since are), or time has passed (customers whose tier fell by silence
are). A pass runs in small pieces between the live flushes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice

from stream_app.core.customer import Customer
from stream_app.worker.partition import Partition
from stream_app.worker.publishing.scoring import Scoring

EVERYTHING = -1
NOTHING = 2**63


@dataclass(slots=True)
class CatchUp:
    """One pass and how far it is."""

    keys: list[bytes]
    """The customers when it began, but for those that awaited a live flush; one that came later
    was changed, and so is published live."""
    since: int
    """Customers whose record lies at this changelog offset or later are published."""
    fell_from: int | None
    """Customers whose tier fell between this instant (Unix seconds) and now are published."""
    began: int
    """The instant that scores held at when it began: what `swept` becomes at its end."""
    holds_position: bool
    """Whether the published position has to wait for the end of the pass."""
    at: int = 0
    later: set[bytes] = field(default_factory=set)
    """Customers that a slice in flight had touched: their newest version may not be published
    yet. Each is done when a live flush has written it, or when it is found acknowledged."""

    @property
    def done(self) -> bool:
        """Whether every customer has been looked at."""
        return self.at >= len(self.keys) and not self.later

    @property
    def remaining(self) -> int:
        """Customers still to be looked at."""
        return max(0, len(self.keys) - self.at) + len(self.later)

    def piece(self, partition: Partition, most: int) -> dict[bytes, Customer]:
        """The next customers to look at, without those that may not be published now."""
        keys = self.keys[self.at : self.at + most] if self.at < len(self.keys) else self.later
        pending, customers = partition.unacknowledged, partition.customers
        able = (key for key in keys if key not in pending and key in customers)
        return {key: customers[key] for key in islice(able, most)}

    def able(self, partition: Partition) -> bool:
        """Whether there is anybody to look at who need not be acknowledged first."""
        pending = partition.unacknowledged
        return self.at < len(self.keys) or any(key not in pending for key in self.later)

    def chosen(
        self, piece: dict[bytes, Customer], as_of: int, scoring: Scoring
    ) -> dict[bytes, Customer]:
        """Whom of a piece to publish."""
        if self.since == EVERYTHING:
            return piece
        chosen = {key: each for key, each in piece.items() if each.pos >= self.since}
        quiet = [key for key in piece if key not in chosen]
        if self.fell_from is not None and quiet and scoring.has_new_day(self.fell_from, as_of):
            fell = scoring.falls(quiet, [piece[key] for key in quiet], self.fell_from, as_of)
            chosen.update(
                (key, piece[key]) for key, fallen in zip(quiet, fell, strict=True) if fallen
            )
        return chosen

    def advance(self, partition: Partition, piece: dict[bytes, Customer], most: int) -> None:
        """Go past a piece whose customers are in Redis or need not be."""
        if self.at < len(self.keys):
            passed = self.keys[self.at : self.at + most]
            self.later.update(
                key for key in passed if key not in piece and key in partition.customers
            )
            self.at += most
        else:
            self.written(piece)

    def written(self, customers: dict[bytes, Customer]) -> None:
        """Take note that these acknowledged versions are in Redis."""
        self.later.difference_update(customers)


def everything(partition: Partition, began: int) -> CatchUp:
    """Publish all customers, of whom Redis may have none."""
    return CatchUp(_quiet(partition), EVERYTHING, None, began, holds_position=True)


def refreshed(partition: Partition, began: int) -> CatchUp:
    """Publish all customers, whose scores in Redis have grown old."""
    return CatchUp(_quiet(partition), EVERYTHING, None, began, holds_position=False)


def changed_since(partition: Partition, position: int, fell_from: int, began: int) -> CatchUp:
    """Publish whoever was changed at `position` or later, or fell since `fell_from`."""
    return CatchUp(_quiet(partition), position, fell_from, began, holds_position=True)


def falls(partition: Partition, fell_from: int, began: int) -> CatchUp:
    """Publish whoever's tier fell since `fell_from`."""
    return CatchUp(_quiet(partition), NOTHING, fell_from, began, holds_position=False)


def _quiet(partition: Partition) -> list[bytes]:
    dirty = partition.dirty
    return [key for key in partition.customers if key not in dirty]
