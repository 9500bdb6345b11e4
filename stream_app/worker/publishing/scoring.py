"""Scores of many customers at once, as the rows that Redis gets: settings and parameters bound.

What the scores were computed with has a name (`Scoring.id`) that is published beside the position:
another model, other tier bounds or another fixed instant mean that everything is published again.

Where a challenger scores a share of the customers, a call is two: each model scores its own, and
the answers are put back in the order of the question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import compress
from typing import TypeVar

from stream_app.core.ageing import Movement, movements
from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer
from stream_app.core.models.assignment import challenged
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.statistics import statistics
from stream_app.core.population import Ranks, displaced
from stream_app.core.score import Scores, ScoreSettings, score
from stream_app.wire.models import redis_fields
from stream_app.wire.scores import redis_rows
from stream_app.worker.partition import Partition

Answer = TypeVar("Answer")
Customers = Sequence[Customer]
_Part = tuple[ModelParameters | None, Customers]
"""Customers, and the parameters that score them."""


@dataclass(frozen=True)
class AsOf:
    """When scores hold: at the wall clock, at a fixed instant, or at the latest event."""

    clock: Callable[[], float]
    """Unix seconds; only asked where neither of the other two is set."""
    fixed: int | None = None
    event_time: bool = False

    def of(self, partition: Partition) -> int:
        """The instant for one partition, Unix seconds."""
        if self.fixed is not None:
            return self.fixed
        return partition.max_at_us // 1_000_000 if self.event_time else int(self.clock())

    @property
    def moves(self) -> bool:
        """Whether time passes at all, so that silence can move numbers."""
        return self.fixed is None

    @property
    def by_clock(self) -> bool:
        """Whether scores grow old while nothing happens."""
        return self.fixed is None and not self.event_time


@dataclass(frozen=True)
class Scoring:
    """How customers are scored until the next model comes."""

    calendar: Calendar
    settings: ScoreSettings
    parameters: ModelParameters | None
    basis_reason: str | None
    """Why there are no parameters; None where there are."""
    as_of: AsOf
    challenger: ModelParameters | None = None
    """Whose scores `challenger_share` of the customers get, instead of those by `parameters`."""
    challenger_share: float = 0.0
    drift: float = 0.01
    """How far numbers may move by silence before they are published again (`core.ageing`)."""
    ranks: Ranks | None = None
    """Where customers stand among all; no part of the name: they move with every customer."""

    @property
    def id(self) -> str:
        """A name for all that scores depend on: the models' ids and a digest of their numbers and
        of the rest.

        A challenger that scores nobody is not in it: nothing has to be published for its sake. The
        drift is: on a finer grid, what is shown may lie on another level than now.
        """
        as_of = self.as_of
        rest = repr((self.settings, self.basis_reason, as_of.fixed, as_of.event_time, self.drift))
        rest += numbers(self.parameters)
        model = self.parameters.id if self.parameters is not None else "formula"
        if self.challenger is not None and self.challenger_share > 0:
            model += f"+{self.challenger.id}"
            rest += repr(self.challenger_share) + numbers(self.challenger)
        return f"{model}/{sha256(rest.encode()).hexdigest()[:8]}"

    def rows(
        self, ids: Sequence[bytes], customers: Customers, as_of: int, gen: int
    ) -> list[list[str]]:
        """For each customer the fields of its hash: field, value, field, value..."""

        def by(parameters: ModelParameters | None, some: Customers) -> list[list[str]]:
            return redis_rows(some, self._scores(some, as_of, parameters), gen, self.ranks)

        return self._by_own_model(ids, customers, by)

    def scored(self, ids: Sequence[bytes], customers: Customers, as_of: int) -> list[Scores]:
        """The scores of customers, those of each model together."""
        return [
            self._scores(some, as_of, parameters)
            for parameters, some in self._parts(ids, customers)
            if some
        ]

    def moved(
        self, ids: Sequence[bytes], customers: Customers, since: int, until: int
    ) -> list[Movement | None]:
        """For each customer what silence did to its numbers after `since`, up to `until`."""

        def by(parameters: ModelParameters | None, some: Customers) -> list[Movement | None]:
            before, after = (self._scores(some, each, parameters) for each in (since, until))
            return movements(before, after, parameters, self.drift)

        return self._by_own_model(ids, customers, by)

    def displaced(
        self, ids: Sequence[bytes], customers: Customers, as_of: int, before: Ranks | None
    ) -> list[bool]:
        """For each customer whether it stands elsewhere among all than by the tables `before`."""
        ranks = self.ranks

        def by(parameters: ModelParameters | None, some: Customers) -> list[bool]:
            assert ranks is not None
            moved: list[bool] = displaced(
                self._scores(some, as_of, parameters), before, ranks
            ).tolist()
            return moved

        return self._by_own_model(ids, customers, by)

    def has_new_day(self, since: int, until: int) -> bool:
        """Whether a business day begins after `since`, up to `until`: only then numbers move."""
        return self.as_of.moves and self.day_of(until) > self.day_of(since)

    def day_of(self, seconds: int) -> int:
        """The business day of an instant: numbers move when one begins."""
        return self.calendar.day_of(seconds * 1_000_000)

    def _by_own_model(
        self,
        ids: Sequence[bytes],
        customers: Customers,
        by: Callable[[ModelParameters | None, Customers], list[Answer]],
    ) -> list[Answer]:
        """What `by` answers of each customer, asked with the parameters that score it."""
        theirs = self._theirs(ids)
        if theirs is None:
            return by(self.parameters, customers)
        champions, challengers = (
            iter(by(parameters, some) if some else ())
            for parameters, some in self._split(theirs, customers)
        )
        return [next(challengers if each else champions) for each in theirs]

    def _parts(self, ids: Sequence[bytes], customers: Customers) -> list[_Part]:
        """The customers of each model in use."""
        theirs = self._theirs(ids)
        return [(self.parameters, customers)] if theirs is None else self._split(theirs, customers)

    def _theirs(self, ids: Sequence[bytes]) -> list[bool] | None:
        """For each customer whether the challenger scores it; None where it scores nobody."""
        if self.challenger is None or self.challenger_share <= 0:
            return None
        return challenged(ids, self.challenger_share)

    def _split(self, theirs: list[bool], customers: Customers) -> list[_Part]:
        """Champion and challenger with their customers."""
        ours = [not each for each in theirs]
        return [
            (parameters, list(compress(customers, chosen)))
            for parameters, chosen in ((self.parameters, ours), (self.challenger, theirs))
        ]

    def _scores(
        self, customers: Customers, as_of: int, parameters: ModelParameters | None
    ) -> Scores:
        return score(
            statistics(customers),
            as_of_seconds=as_of,
            as_of_day=self.day_of(as_of),
            calendar=self.calendar,
            parameters=parameters,
            basis_reason=self.basis_reason,
            settings=self.settings,
        )


def numbers(parameters: ModelParameters | None) -> str:
    """What scores take from a model, but for its id: under one id they may be published anew."""
    return "" if parameters is None else " ".join(redis_fields(parameters)[2:])
