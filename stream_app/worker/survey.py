"""Look over the customers of a partition now and then, and say what they are like as a whole.

What is said is derived from the state alone: quantiles of the population. A partition is looked
over again when it has changed, when a business day has begun or when another model is in use, and
never for more than a small share of the worker's time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import structlog

from stream_app.core.customer import Customer
from stream_app.core.population import Population
from stream_app.wire.population import encode_population
from stream_app.worker.partition import Partition
from stream_app.worker.publishing.publisher import Publisher
from stream_app.worker.publishing.scoring import Scoring
from stream_app.worker.publishing.summaries import POPULATION

log = structlog.get_logger(__name__)

AT_ONCE: Final = 1000
"""Customers looked at between two looks at the event loop: about 3 ms."""
PAUSE_SHARE: Final = 50.0
"""After a look so many times its length is waited: two hundredths of the worker's time."""
TICK_SECONDS: Final = 1.0


@dataclass(frozen=True)
class _Seen:
    """What a look was of; another one is due when any of it is different."""

    partition: Partition
    next_offset: int
    day: int
    scoring: str


class Survey:
    """Looks over the partitions held, one after another."""

    def __init__(
        self, held: Callable[[], dict[int, Partition]], publisher: Publisher, seconds: float
    ) -> None:
        """`seconds`: between two looks at one partition, at least."""
        self._held = held
        self._publisher = publisher
        self._seconds = seconds
        self._seen: dict[int, _Seen] = {}
        self._due: dict[int, float] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            spent = 0.0
            for partition in self._due_now():
                spent += await self._look_over(partition)
            await asyncio.sleep(max(TICK_SECONDS, spent * PAUSE_SHARE))

    def _due_now(self) -> Iterator[Partition]:
        scoring, now = self._publisher.scoring, asyncio.get_running_loop().time()
        if scoring is None:
            return
        for number, partition in list(self._held().items()):
            new = self._seen.get(number)
            changed = new is None or new != _seen(partition, scoring)
            fresh = new is None or new.partition is not partition
            if changed and (fresh or now >= self._due.get(number, 0.0)):
                yield partition

    async def _look_over(self, partition: Partition) -> float:
        """Say what the customers are like; returns the seconds of work."""
        loop, scoring = asyncio.get_running_loop(), self._publisher.scoring
        if scoring is None:
            return 0.0
        seen, as_of = _seen(partition, scoring), scoring.as_of.of(partition)
        population, spent = Population(), 0.0
        for some in _pieces(list(partition.customers.values())):
            began = loop.time()
            for scores in scoring.scored(some, as_of):
                population.add(scores)
            spent += loop.time() - began
            await asyncio.sleep(0)
        number = partition.number
        if self._held().get(number) is partition:
            self._publisher.summarize(number, POPULATION, encode_population(population, as_of))
            self._seen[number], self._due[number] = seen, loop.time() + self._seconds
        return spent


def _seen(partition: Partition, scoring: Scoring) -> _Seen:
    day = scoring.day_of(scoring.as_of.of(partition))
    return _Seen(partition, partition.next_offset, day, scoring.id)


def _pieces(customers: list[Customer]) -> Iterator[list[Customer]]:
    for start in range(0, len(customers), AT_ONCE):
        yield customers[start : start + AT_ONCE]
