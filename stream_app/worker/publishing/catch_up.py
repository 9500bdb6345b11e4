"""A pass over all customers of a partition, for what live changes alone would not bring to Redis.

Four reasons for one: everybody is published (Redis may lack anything, or shows numbers of another
model, or old ones), Redis stopped at an older position (customers changed since are), a day has
begun (customers whose numbers moved by silence are), or the population is another one (customers
who stand elsewhere in it are). A pass runs in small pieces between the live
flushes, whoever changed last first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import compress, islice

from stream_app.core.customer import Customer
from stream_app.core.population import Ranks
from stream_app.worker.partition import Partition
from stream_app.worker.publishing.causes import LACKING, LIMITED, Cause, Republished
from stream_app.worker.publishing.newest_first import NewestFirst
from stream_app.worker.publishing.scoring import Scoring

EVERYTHING = -1
NOTHING = 2**63

Chosen = dict[Republished, dict[bytes, Customer]]
"""Whom to publish, by why."""


@dataclass(slots=True)
class CatchUp:
    """One pass and how far it is."""

    cause: Republished
    """Why it began, and what is counted for those whom it publishes for no movement of theirs."""
    keys: NewestFirst
    """The customers when it began, but for those that awaited a live flush; one that came later
    was changed, and so is published live."""
    since: int
    """Customers whose record lies at this changelog offset or later are published."""
    aged_from: int | None
    """Customers whose numbers moved between this instant (Unix seconds) and now are published."""
    as_of: int
    """The instant that scores held at when it began: what `swept` becomes at its end."""
    holds_position: bool
    """Whether the published position has to wait for the end of the pass."""
    ranks: Ranks | None = None
    """By which everybody stands in Redis at its end; None where they are not all looked at for
    that, or nobody knows where they stand."""
    ranked_before: Ranks | None = None
    """By which they stood."""
    front: list[bytes] = field(default_factory=list)
    """Keys under way; they stay here where they could not be written."""
    later: set[bytes] = field(default_factory=set)
    """Customers that a slice in flight had touched: their newest version may not be published
    yet. Each is done when a live flush has written it, or when it is found acknowledged."""
    began: float | None = None
    """Loop time of its first piece."""
    looked_at: int = 0
    published: int = 0
    caught_up: bool = False
    """Whether all who had changed have had their turn; what is left is what silence did."""

    @property
    def limited(self) -> bool:
        """Whether the rate of publishing again holds for what comes next."""
        return self.cause in LIMITED or (self.cause == "changed" and self.caught_up)

    @property
    def done(self) -> bool:
        """Whether every customer has been looked at."""
        return not self.remaining

    @property
    def remaining(self) -> int:
        """Customers still to be looked at."""
        return len(self.front) + self.keys.remaining + len(self.later)

    def able(self, partition: Partition) -> bool:
        """Whether there is anybody to look at who need not be written by a live flush first."""
        if self.front or self.keys.remaining:
            return True
        return any(_is_quiet(key, partition) for key in self.later)

    def piece(self, partition: Partition, most: int) -> dict[bytes, Customer]:
        """The next customers to look at, but for those whom live flushes will bring."""
        if not self.front and self.keys.remaining:
            self.front = self.keys.take(most)
        elif not self.front:
            able = (key for key in self.later if _is_quiet(key, partition))
            self.front = list(islice(able, most))
            self.later.difference_update(self.front)
        customers = partition.customers
        return {key: customers[key] for key in self.front if _is_quiet(key, partition)}

    def chosen(self, piece: dict[bytes, Customer], as_of: int, scoring: Scoring) -> Chosen:
        """Whom of a piece to publish."""
        if self.since == EVERYTHING:
            return {self.cause: piece}
        if self.cause == "rank":
            return {"rank": self._displaced(piece, as_of, scoring)}
        found: Chosen = {}
        changed = {key: each for key, each in piece.items() if each.pos >= self.since}
        if changed:
            found[self.cause] = changed
        self.caught_up = len(changed) < len(piece)
        quiet = [key for key in piece if key not in changed]
        if self.aged_from is not None and quiet and scoring.has_new_day(self.aged_from, as_of):
            customers = [piece[key] for key in quiet]
            moved = scoring.moved(quiet, customers, self.aged_from, as_of)
            for key, movement in zip(quiet, moved, strict=True):
                if movement is not None:
                    found.setdefault(movement, {})[key] = piece[key]
        return found

    def _displaced(
        self, piece: dict[bytes, Customer], as_of: int, scoring: Scoring
    ) -> dict[bytes, Customer]:
        elsewhere = scoring.displaced(list(piece), list(piece.values()), as_of, self.ranked_before)
        return dict(compress(piece.items(), elsewhere))

    def advance(self, partition: Partition, piece: dict[bytes, Customer]) -> None:
        """Go past a piece whose customers are in Redis or need not be."""
        pending = partition.unacknowledged
        self.later.update(key for key in self.front if key not in piece and key in pending)
        self.front = []
        self.looked_at += len(piece)

    def written(self, customers: dict[bytes, Customer]) -> None:
        """Take note that these acknowledged versions are in Redis."""
        self.later.difference_update(customers)


def everything(
    partition: Partition,
    cause: Cause,
    as_of: int,
    ranks: Ranks | None = None,
    unfinished: CatchUp | None = None,
) -> CatchUp:
    """Publish all customers; what Redis lacked when a pass was left `unfinished`, it still does."""
    lacking = unfinished is not None and unfinished.cause in LACKING
    kept = unfinished.cause if unfinished is not None and lacking else cause
    keys = _keys(partition)
    return CatchUp(kept, keys, EVERYTHING, None, as_of, holds_position=True, ranks=ranks)


def refreshed(partition: Partition, as_of: int, ranks: Ranks | None) -> CatchUp:
    """Publish all customers, whose scores in Redis have grown old."""
    keys = _keys(partition)
    return CatchUp("refresh", keys, EVERYTHING, None, as_of, holds_position=False, ranks=ranks)


def reranked(partition: Partition, swept: int, before: Ranks | None, now: Ranks) -> CatchUp:
    """Publish whoever stands elsewhere by the tables of now; what silence did waits."""
    return CatchUp(
        *("rank", _keys(partition), NOTHING, None, swept),
        holds_position=False,
        ranks=now,
        ranked_before=before,
    )


def changed_since(partition: Partition, position: int, aged_from: int, as_of: int) -> CatchUp:
    """Publish whoever was changed at `position` or later, or moved since `aged_from`."""
    keys = _keys(partition)
    return CatchUp("changed", keys, position, aged_from, as_of, holds_position=True)


def aged(partition: Partition, aged_from: int, as_of: int) -> CatchUp:
    """Publish whoever's numbers moved by silence since `aged_from`."""
    keys = _keys(partition)
    return CatchUp("drift", keys, NOTHING, aged_from, as_of, holds_position=False)


def _keys(partition: Partition) -> NewestFirst:
    return NewestFirst(partition.customers, without=partition.dirty)


def _is_quiet(key: bytes, partition: Partition) -> bool:
    """Whether no live flush will bring this customer: neither changed nor about to be."""
    return (
        key not in partition.unacknowledged
        and key not in partition.dirty
        and key in partition.customers
    )
