"""Keep the cohort totals of the partitions held equal to their acknowledged customers.

A partition that was just taken is counted once, customer by customer; from then on only those that
slices have changed are, as what they are now less what they were. The totals are published now and
then, never persisted apart, and held against the money of all accepted events every time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import structlog

from stream_app.core.calendar import Calendar, month_of
from stream_app.core.cohorts.cells import TABLES
from stream_app.core.cohorts.recent import recent
from stream_app.core.cohorts.totals import Totals
from stream_app.core.customer import Customer
from stream_app.metrics import Metrics
from stream_app.settings import Settings
from stream_app.stores.keys import COHORTS
from stream_app.wire.cohorts import Meta, encode
from stream_app.worker.partition import Partition
from stream_app.worker.publishing.publisher import Publisher
from stream_app.worker.worth import show_cohorts

log = structlog.get_logger(__name__)

AT_ONCE: Final = 2000
"""Customers counted between two looks at the event loop: about 3 ms."""
HEARTBEAT_SECONDS: Final = 30.0
"""Totals that stay as they are say so again after so long: whose do not have no worker."""
SHOWN_SECONDS: Final = 15.0
"""Between two sayings of what cohorts are worth to Prometheus, which asks no more often."""
PAUSE_SHARE: Final = 20.0
"""After a round so many times what it cost is waited, where that is longer: many cohorts and
channels make the writing dear."""


@dataclass
class Counted:
    """One partition's totals and how far they go."""

    partition: Partition
    totals: Totals = field(default_factory=Totals)
    position: int | None = None
    """Next changelog offset after all that is counted; None until everybody was."""
    imbalance_minor: int = 0
    said_at: float = 0.0
    """Unix seconds."""


class Counting:
    """Counts, publishes, and says what does not add up."""

    def __init__(
        self,
        settings: Settings,
        held: Callable[[], dict[int, Partition]],
        publisher: Publisher,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        """`clock`: Unix seconds, of the writing alone."""
        self._settings = settings
        self._held = held
        self._publisher = publisher
        self._metrics = metrics
        self._clock = clock
        self._calendar = Calendar(settings.time_zone)
        self._counted: dict[int, Counted] = {}
        self._shown: tuple[set[int], float] = set(), 0.0
        """Whose cohorts Prometheus was told of, and when."""
        self._spent_seconds = 0.0
        """Of this round, by ourselves: what others do in between must not make us wait."""

    async def run(self) -> None:
        """Count until cancelled."""
        while True:
            self._spent_seconds = 0.0
            await self.round()
            pause = max(self._settings.cohort_seconds, self._spent_seconds * PAUSE_SHARE)
            await asyncio.sleep(pause)

    async def round(self) -> None:
        """Bring every partition's totals up to what is acknowledged now, and publish them."""
        for number, partition in list(self._held().items()):
            counted = self._counted.get(number)
            if counted is None or counted.partition is not partition:
                counted = self._counted[number] = Counted(partition)
            await self._bring_up(counted)
        self._counted = {n: one for n, one in self._counted.items() if n in self._held()}
        # The worst one: of two partitions the one's surplus must not hide the other's loss.
        worst = max((one.imbalance_minor for one in self._counted.values()), key=abs, default=0)
        self._metrics.set("ltv_cohort_imbalance_minor", worst)
        with self._working():
            self._show_cohorts()

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Nothing is awaited inside: it is all our own time."""
        began = time.perf_counter()
        yield
        self._spent_seconds += time.perf_counter() - began

    def _show_cohorts(self) -> None:
        """Tell Prometheus, now and then and whenever other partitions are held."""
        whole = {n: one for n, one in self._counted.items() if one.position is not None}
        held, at = self._shown
        now = self._clock()
        if whole.keys() == held and now - at < SHOWN_SECONDS:
            return
        self._shown = set(whole), now
        newest_us = max((one.partition.max_at_us for one in whole.values()), default=0)
        newest = month_of(self._calendar.day_of(newest_us))
        show_cohorts(
            self._metrics,
            self._settings.currency,
            [
                recent(one.totals.columns("first-purchase"), "first-purchase", newest)
                for one in whole.values()
            ],
        )

    async def _bring_up(self, counted: Counted) -> None:
        partition, totals = counted.partition, counted.totals
        if counted.position is None:
            everybody, partition.recovered = partition.recovered, []
            await self._in_pieces(totals, [None] * len(everybody), everybody)
        elif counted.position == partition.next_offset:
            if self._clock() - counted.said_at >= HEARTBEAT_SECONDS:
                self._say(counted, partition.max_at_us)
            return
        # Nothing is awaited between these: what is counted, its money and its place agree.
        before, after = partition.uncounted.take()
        money, position, newest_us = (
            partition.net_minor,
            partition.next_offset,
            partition.max_at_us,
        )
        await self._in_pieces(totals, before, after)
        counted.position = position
        if self._held().get(partition.number) is not partition:
            return
        with self._working():
            self._check(counted, money)
            self._say(counted, newest_us)

    async def _in_pieces(
        self, totals: Totals, before: Sequence[Customer | None], after: Sequence[Customer]
    ) -> None:
        for start in range(0, len(after), AT_ONCE):
            with self._working():
                totals.change(before[start : start + AT_ONCE], after[start : start + AT_ONCE])
            await asyncio.sleep(0)

    def _say(self, counted: Counted, newest_us: int) -> None:
        counted.said_at = self._clock()
        value = encode(counted.totals, self._meta(counted, newest_us))
        self._publisher.summarize(counted.partition.number, COHORTS, value)

    def _check(self, counted: Counted, money: int) -> None:
        """Cells must hold the money of all accepted events, once in each table."""
        found = [counted.totals.columns(table).net_minor for table in TABLES]
        imbalance = max((each - money for each in found), key=abs)
        if imbalance and not counted.imbalance_minor:
            log.error(
                "the money in cohorts is not that of the accepted events; run ltv verify",
                partition=counted.partition.number,
                imbalance_minor=imbalance,
            )
        counted.imbalance_minor = imbalance

    def _meta(self, counted: Counted, newest_us: int) -> Meta:
        totals, settings = counted.totals, self._settings
        return Meta(
            currency=settings.currency,
            time_zone=settings.time_zone,
            partitions=settings.partitions,
            position=counted.position or 0,
            published_at=int(self._clock()),
            first_signup_day=totals.first_day("signup"),
            first_purchase_day=totals.first_day("first-purchase"),
            last_day=self._calendar.day_of(newest_us) if newest_us else None,
        )
