"""How far Redis follows one partition, and what has to be done when it is not where we left it."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

from stream_app.core.customer import Customer
from stream_app.core.population import Ranks
from stream_app.stores.published import Published, decode, encode, is_token
from stream_app.worker.partition import Partition, Waiting
from stream_app.worker.publishing.catch_up import CatchUp
from stream_app.worker.publishing.causes import Cause


@dataclass(frozen=True)
class Expected:
    """What the published value of a partition should say, were Redis up to date."""

    gen: int
    scoring: str
    run_id: str
    next_offset: int


@dataclass(slots=True)
class Follower:
    """The publisher's side of one partition."""

    partition: Partition
    opened: bool = False
    """Registered in Redis and compared; before that nothing is written."""
    deposed: bool = False
    """Redis has a larger epoch: another worker owns the partition."""
    wrote: bytes | None = None
    """The published value as we last wrote or found it."""
    moving: bytes | None = None
    """A value under way whose acknowledgement was not seen: it may stand in Redis instead."""
    gen: int = 0
    scoring: str = ""
    run_id: str = ""
    begun: int = 0
    """How often everything had to be published: Redis may have lost what else we wrote, too."""
    reached: int = 0
    """Next changelog offset at the last swap of `dirty` whose customers are all in Redis."""
    swept: int = 0
    """Unix seconds: what silence did to scores up to here is in Redis."""
    ranks: Ranks | None = None
    """The tables by which everybody stands in Redis; None: others, several, or none."""
    ranks_found: str = ""
    """The name of the tables by which an earlier worker has left everybody."""
    catch_up: CatchUp | None = None
    refused: dict[bytes, Customer] = field(default_factory=dict)
    """Customers of whom Redis has a newer version; tried again at every look."""
    refresh_due: float = 0.0
    """Loop time at which all scores are computed again though nothing happened."""
    sweep_due: float = 0.0
    """Loop time before which no other sweep begins."""

    @property
    def writable(self) -> bool:
        """Whether customers of this partition may be sent to Redis."""
        return self.opened and not self.deposed

    @property
    def holds_position(self) -> bool:
        """Whether the published position must stay where it is for now."""
        passing = self.catch_up
        return bool(self.refused) or (passing is not None and passing.holds_position)

    @property
    def able_to_catch_up(self) -> bool:
        """Whether a pass is under way that need not wait for an acknowledgement."""
        passing = self.catch_up
        return self.writable and passing is not None and passing.able(self.partition)

    @property
    def says_ranked(self) -> bool:
        """Whether Redis says that everybody stands by one table."""
        found = decode(self.wrote)
        return found is not None and found.ranks != ""

    @property
    def idle(self) -> bool:
        """Whether everything acknowledged is in Redis, and Redis says so."""
        return (
            self.catch_up is None
            and not self.partition.dirty
            and not self.refused
            and self.reached == self.partition.next_offset
            and self.wrote == encode(following(self))
        )

    def take(self) -> tuple[dict[bytes, Customer], list[Waiting], int]:
        """Take what is dirty, the slices it came from, and the offset reached with it."""
        partition = self.partition
        taken, partition.dirty = partition.dirty, {}
        waiting, partition.waiting = partition.waiting, []
        return taken, waiting, partition.next_offset

    def put_back(self, taken: dict[bytes, Customer], waiting: list[Waiting], most: int) -> None:
        """Give back what could not be written; versions that came meanwhile are newer and stay.

        Of the slices only the oldest `most` are kept: while Redis is away they must not pile up.
        """
        partition = self.partition
        taken.update(partition.dirty)
        partition.dirty = taken
        partition.waiting = (waiting + partition.waiting)[:most]

    def cut_off(
        self,
        taken: dict[bytes, Customer],
        written: Set[bytes],
        waiting: list[Waiting],
        most: int,
    ) -> int:
        """A connection broke: give back whom it had not seen `written`, and count the others.

        Were all given back, a backlog that takes longer than connections last would begin anew for
        ever.  A server that does not tell its run id may be another one the next time: all of them
        then.
        """
        done = {key: taken[key] for key in written} if self.run_id else {}
        self.note_written(done, ())
        left = {key: each for key, each in taken.items() if key not in done}
        self.put_back(left, waiting, most)
        return len(done)

    def note_written(self, customers: dict[bytes, Customer], refused: Sequence[bytes]) -> None:
        """Redis took these customers, but for those of whom it has a newer version."""
        if self.catch_up is not None:
            self.catch_up.written(customers)
        if self.refused or refused:
            kept = {key: each for key, each in self.refused.items() if key not in customers}
            self.refused = kept | {key: customers[key] for key in refused}

    def end_if_done(self) -> CatchUp | None:
        """End a pass that has looked at everybody, and return it: its instant is in Redis now."""
        passing = self.catch_up
        if passing is None or not passing.done:
            return None
        self.catch_up = None
        self.swept = max(self.swept, passing.as_of)
        if passing.ranks is not None:
            self.ranks = passing.ranks
        return passing

    def retry_refused(self) -> None:
        """Try again to write those of whom Redis had a newer version."""
        refused, self.refused = self.refused, {}
        refused.update(self.partition.dirty)
        self.partition.dirty = refused

    def forget(self) -> None:
        """Another build publishes: drop what waits; should ours publish again, all is published."""
        self.partition.dirty, self.partition.waiting = {}, []
        self.refused, self.catch_up = {}, None
        self.opened, self.wrote = False, None


def missing_at_first(stored: bytes | None, expected: Expected) -> Cause | None:
    """Why a partition just assigned must be published whole; None where Redis only lags behind.

    >>> missing_at_first(None, Expected(1, "m", "r", 10))
    'missing'
    """
    found = decode(stored)
    if found is None:
        return "missing" if not stored else "foreign"
    if found.position < 0:
        return "interrupted"
    if found.run_id != expected.run_id:
        return "server"
    if found.gen != expected.gen:
        return "generation"
    if found.scoring != expected.scoring:
        return "model"
    return "foreign" if found.position > expected.next_offset else None


def missing_again(
    follower: Follower, stored: bytes | None, epoch: int | None, expected: Expected
) -> Cause | None:
    """Why a partition that we follow must be published whole again; None when nothing happened."""
    if epoch is None or stored is None:
        return "emptied"
    if stored not in (follower.wrote, follower.moving) or epoch < follower.partition.epoch:
        return "foreign"
    if stored != follower.wrote and is_token(stored):
        return "interrupted"  # put there when the connection broke, before its pass began
    if expected.run_id != follower.run_id:
        return "server"
    if expected.gen != follower.gen:
        return "generation"
    return "model" if expected.scoring != follower.scoring else None


def following(follower: Follower) -> Published:
    """What the published value should say now."""
    return Published(
        follower.reached,
        follower.gen,
        follower.scoring,
        follower.swept,
        follower.run_id,
        follower.ranks.id if follower.ranks is not None else follower.ranks_found,
    )
