"""Scores of many customers at once, as the rows that Redis gets: settings and parameters bound.

What the scores were computed with has a name (`Scoring.id`) that is published beside the position:
another model, other tier bounds or another fixed instant mean that everything is published again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.statistics import statistics
from stream_app.core.population import Ranks
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
        """Whether time passes at all, so that a tier can fall by silence."""
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
    ranks: Ranks | None = None
    """Where customers stand among all; no part of the name: they move with every customer."""

    @property
    def id(self) -> str:
        """A name for all of the above: the model's id and a digest of the rest."""
        rest = repr((self.settings, self.basis_reason, self.as_of.fixed, self.as_of.event_time))
        model = self.parameters.id if self.parameters is not None else "formula"
        return f"{model}/{sha256(rest.encode()).hexdigest()[:8]}"

    def rows(self, customers: Sequence[Customer], as_of: int, gen: int) -> list[list[str]]:
        """For each customer the fields of its hash: field, value, field, value..."""
        return redis_rows(customers, self._scores(customers, as_of), gen, self.ranks)

    def scored(self, customers: Sequence[Customer], as_of: int) -> list[Scores]:
        """The scores of customers, in any order."""
        return [self._scores(customers, as_of)]

    def falls(self, customers: Sequence[Customer], since: int, until: int) -> list[bool]:
        """For each customer whether its tier fell by silence after `since`, up to `until`."""
        scores = self._scores(customers, since)
        return [since < first <= until for first in scores.next_fall_at.tolist()]

    def has_new_day(self, since: int, until: int) -> bool:
        """Whether a business day begins after `since`, up to `until`: only then can tiers fall."""
        return self.as_of.moves and self.day_of(until) > self.day_of(since)

    def day_of(self, seconds: int) -> int:
        """The business day of an instant: tiers fall when one begins."""
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
