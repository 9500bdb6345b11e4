"""Scores of many customers at once, as the rows that Redis gets: settings and parameters bound.

What the scores were computed with has a name (`Scoring.id`) that is published beside the position:
another model, other tier bounds or another fixed instant mean that everything is published again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from stream_app.core.ageing import Movement, movements
from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.statistics import statistics
from stream_app.core.score import Scores, ScoreSettings, score
from stream_app.wire.scores import redis_rows
from stream_app.worker.partition import Partition


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
    drift: float = 0.01
    """How far numbers may move by silence before they are published again (`core.ageing`)."""

    @property
    def id(self) -> str:
        """A name for all of the above: the model's id and a digest of the rest.

        The drift is part of it: on a finer grid, what is shown may lie on another level than now.
        """
        as_of = self.as_of
        rest = repr((self.settings, self.basis_reason, as_of.fixed, as_of.event_time, self.drift))
        model = self.parameters.id if self.parameters is not None else "formula"
        return f"{model}/{sha256(rest.encode()).hexdigest()[:8]}"

    def rows(self, customers: Sequence[Customer], as_of: int, gen: int) -> list[list[str]]:
        """For each customer the fields of its hash: field, value, field, value..."""
        return redis_rows(customers, self._scores(customers, as_of), gen)

    def moved(self, customers: Sequence[Customer], since: int, until: int) -> list[Movement | None]:
        """For each customer what silence did to its numbers after `since`, up to `until`."""
        before, after = (self._scores(customers, instant) for instant in (since, until))
        return movements(before, after, self.parameters, self.drift)

    def has_new_day(self, since: int, until: int) -> bool:
        """Whether a business day begins after `since`, up to `until`: only then numbers move."""
        return self.as_of.moves and self.day_of(until) > self.day_of(since)

    def day_of(self, seconds: int) -> int:
        """The business day of an instant: numbers move when one begins."""
        return self.calendar.day_of(seconds * 1_000_000)

    def _scores(self, customers: Sequence[Customer], as_of: int) -> Scores:
        return score(
            statistics(customers),
            as_of_seconds=as_of,
            as_of_day=self.day_of(as_of),
            calendar=self.calendar,
            parameters=self.parameters,
            basis_reason=self.basis_reason,
            settings=self.settings,
        )
