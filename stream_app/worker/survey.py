"""Look over the customers of a partition now and then, and say what they are like as a whole.

What is said is derived from the state alone: the quantiles of the population, sums over its tiers
and segments, and how well each model in use has foreseen what came. A partition is looked over
again when it has changed, when a business day has begun or when another model is in use, and never
for more than a small share of the worker's time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from stream_app.core.calendar import DAY_SECONDS
from stream_app.core.customer import Customer
from stream_app.core.models.histories import Histories, histories
from stream_app.core.models.prequential import Prequential, graded_from, prequential
from stream_app.core.population import Population, Ranks
from stream_app.core.portfolio import SILENT_DAYS, Portfolio, TierTotals, portfolio
from stream_app.metrics import Metrics
from stream_app.stores.keys import GRADES, POPULATION, SEGMENTS
from stream_app.wire.grades import PartitionGrades
from stream_app.wire.grades import encode as encode_grades
from stream_app.wire.population import encode_population
from stream_app.wire.segments import Segments, encode_segments
from stream_app.worker.grading import show
from stream_app.worker.partition import Partition
from stream_app.worker.publishing.publisher import Publisher
from stream_app.worker.publishing.scoring import Scoring
from stream_app.worker.worth import show_tiers

log = structlog.get_logger(__name__)

AT_ONCE: Final = 500
"""Customers looked at between two looks at the event loop: about 4 ms."""
AT_ONCE_BY_QUADRATURE: Final = 50
"""The same where a model integrates numerically, as Pareto/NBD does."""
FACTS_BYTES: Final = 400
"""Of one of them, on average, at most: whose histories are longer are fewer at once."""
PAUSE_SHARE: Final = 50.0
"""After a look so many times its length is waited: two hundredths of the worker's time."""
TICK_SECONDS: Final = 1.0
BUSY_SECONDS: Final = 60.0
"""Between two looks at a partition, at least, while the worker works through a backlog."""


@dataclass(frozen=True)
class _Seen:
    """What a look was of; another one is due when any of it is different."""

    partition: Partition
    next_offset: int
    day: int
    scoring: str
    ranks: Ranks | None


class Survey:
    """Looks over the partitions held, one after another."""

    def __init__(
        self,
        held: Callable[[], dict[int, Partition]],
        publisher: Publisher,
        metrics: Metrics,
        seconds: float,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        """`seconds`: between two looks at one partition, at least. `busy`: whether there is a
        backlog."""
        self._busy = busy
        self._held = held
        self._publisher = publisher
        self._metrics = metrics
        self._seconds = seconds
        self._grades: dict[int, dict[str, Prequential]] = {}
        self._tiers: dict[int, Mapping[str, TierTotals]] = {}
        self._seen: dict[int, _Seen] = {}
        self._due: dict[int, float] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            spent = 0.0
            for partition in self._due_now():
                spent += await self._look_over(partition)
            await self._pause_for(spent)

    async def _pause_for(self, spent: float) -> None:
        """Wait as long as the work that was done demands; what was given up goes meanwhile."""
        loop = asyncio.get_running_loop()
        until = loop.time() + max(TICK_SECONDS, spent * PAUSE_SHARE)
        while loop.time() < until:
            await asyncio.sleep(min(TICK_SECONDS, until - loop.time()))
            if not self._grades.keys() <= self._held().keys():
                self._show()

    def _due_now(self) -> Iterator[Partition]:
        scoring, now = self._publisher.scoring, asyncio.get_running_loop().time()
        if scoring is None:
            return
        for number, partition in list(self._held().items()):
            last = self._seen.get(number)
            is_new = last is None or last.partition is not partition
            due = is_new or now >= self._due.get(number, 0.0)
            if due and last != _seen(partition, scoring):
                yield partition

    async def _look_over(self, partition: Partition) -> float:
        """Say what the customers are like; returns the seconds of work."""
        loop, scoring = asyncio.get_running_loop(), self._publisher.scoring
        if scoring is None:
            return 0.0
        seen, look, spent = _seen(partition, scoring), Look(scoring, partition), 0.0
        for ids, customers in _pieces(partition.customers, look.at_once):
            began = loop.time()
            look.add(ids, customers)
            spent += loop.time() - began
            await asyncio.sleep(0)
        number = partition.number
        if self._held().get(number) is partition:
            for name, value in look.said().items():
                self._publisher.summarize(number, name, value)
            self._seen[number], self._due[number] = seen, loop.time() + self._pause()
            self._grades[number], self._tiers[number] = look.grades, look.tiers
            self._show()
        return spent

    def _pause(self) -> float:
        return max(self._seconds, BUSY_SECONDS) if self._busy() else self._seconds

    def _show(self) -> None:
        """Grades and tiers of all partitions held, together."""
        held, scoring = self._held(), self._publisher.scoring
        self._grades = {n: one for n, one in self._grades.items() if n in held}
        self._tiers = {n: one for n, one in self._tiers.items() if n in held}
        if scoring is not None:
            show_tiers(self._metrics, scoring.settings.currency, self._tiers.values())
        summed: dict[str, Prequential] = {}
        for one in self._grades.values():
            for model, grades in one.items():
                summed[model] = summed.get(model, Prequential()) + grades
        show(self._metrics, summed)


class Look:
    """One look over a partition, all of it at one instant."""

    def __init__(self, scoring: Scoring, partition: Partition) -> None:
        self._scoring = scoring
        self._as_of = scoring.as_of.of(partition)
        self._today, self._position = scoring.day_of(self._as_of), partition.next_offset
        self._models = [one for one in (scoring.parameters, scoring.challenger) if one is not None]
        self._population = Population()
        self._portfolio = Portfolio()
        self.grades = {model.id: Prequential() for model in self._models}
        """Of the models in use, by id."""

    @property
    def at_once(self) -> int:
        """Customers that one piece should have."""
        slow = any(model.kind == "pareto" for model in self._models)
        return AT_ONCE_BY_QUADRATURE if slow else AT_ONCE

    def add(self, ids: Sequence[bytes], customers: Sequence[Customer]) -> None:
        """Some more of the customers."""
        later = self._as_of + SILENT_DAYS * DAY_SECONDS
        now, then = (self._scoring.scored(ids, customers, each) for each in (self._as_of, later))
        for scores, in_silence in zip(now, then, strict=True):
            self._population.add(scores)
            self._portfolio += portfolio(scores, in_silence, self._scoring.ranks)
        if self._models:
            self._grade(histories(customers))

    def _grade(self, known: Histories) -> None:
        """Every model in use is graded by all customers, whoever scores them."""
        calendar, currency = self._scoring.calendar, self._scoring.settings.currency
        for model in self._models:
            since = graded_from(model, today=self._today, calendar=calendar)
            self.grades[model.id] += prequential(
                known, model, today=self._today, currency=currency, from_day=since
            )

    @property
    def tiers(self) -> Mapping[str, TierTotals]:
        """What its tiers come to."""
        return self._portfolio.tiers

    def said(self) -> dict[str, bytes]:
        """By name of the summary."""
        parameters = self._scoring.parameters
        model = None if parameters is None else parameters.id
        return {
            POPULATION: encode_population(self._population, self._as_of),
            GRADES: encode_grades(PartitionGrades(self._today, self.grades, self._position)),
            SEGMENTS: encode_segments(Segments(self._as_of, model, self._portfolio)),
        }


def _seen(partition: Partition, scoring: Scoring) -> _Seen:
    day = scoring.day_of(scoring.as_of.of(partition))
    return _Seen(partition, partition.next_offset, day, scoring.id, scoring.ranks)


def _pieces(
    customers: Mapping[bytes, Customer], most: int
) -> Iterator[tuple[Sequence[bytes], Sequence[Customer]]]:
    """All customers there are now, some at a time: fewer where their histories are long."""
    ids: list[bytes] = []
    held: list[Customer] = []
    size, room = 0, most * FACTS_BYTES
    for each, customer in list(customers.items()):
        ids.append(each)
        held.append(customer)
        size += customer.size
        if len(ids) >= most or size >= room:
            yield ids, held
            ids, held, size = [], [], 0
    if ids:
        yield ids, held
