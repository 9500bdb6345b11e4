"""Look over the live state now and then: does the money in it equal the money that came in?

Totals are taken over a snapshot of a partition, a few thousand customers at a time, so that the
event loop is never held for more than a few milliseconds.  The one thing that must be 0 is the
imbalance: money in customers less the money of accepted events, which the watermark carries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import compress
from math import inf

import structlog

from stream_app.core.customer import Customer
from stream_app.core.models.statistics import statistics
from stream_app.metrics import Metrics
from stream_app.settings import Settings
from stream_app.worker.app import LtvApp
from stream_app.worker.partition import Partition
from stream_app.worker.partitions import Partitions

log = structlog.get_logger(__name__)

AT_ONCE = 2000
"""Customers summed between two looks at the event loop: about 2 ms."""
LAG_SECONDS = 1.0
"""How often lag is measured."""
ROUND_SECONDS = 60.0
"""How often all customers are looked over; 1 M customers cost half a second of CPU. Partitions that
have just come, or gone, are not waited for."""


@dataclass(slots=True)
class Totals:
    """Sums over customers; money in minor units."""

    customers: int = 0
    revenue_minor: int = 0
    negative_days: int = 0
    saturated: int = 0
    unconverted: dict[str, int] = field(default_factory=dict)
    imbalance_minor: int = 0


class Audit:
    """Keeps the gauges of lag and of the state."""

    def __init__(
        self, settings: Settings, app: LtvApp, partitions: Partitions, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._app = app
        self._partitions = partitions
        self._metrics = metrics
        self._shown: set[tuple[str, str]] = set()
        self._currencies: set[str] = set()

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        due, seen = inf, list[tuple[int, int]]()
        build = str(self._settings.build)
        self._metrics.set("ltv_partitions", self._settings.partitions, build)
        while True:
            self._lag()
            held = list(self._partitions.held.values())
            self._metrics.set("ltv_customers", sum(len(one.customers) for one in held))
            self._metrics.set("ltv_partitions_held", len(held), build)
            epochs = [(one.number, one.epoch) for one in held]
            if (epochs != seen or loop.time() >= due) and not self._partitions.recovering:
                self._show(await self._look_over(held))
                due, seen = loop.time() + ROUND_SECONDS, epochs
            await asyncio.sleep(LAG_SECONDS)

    def _lag(self) -> None:
        """Records between the durable state and the end of each source partition."""
        shown: set[tuple[str, str]] = set()
        for number in self._partitions.held:
            for topic, lag in self._app.lag(number).items():
                self._metrics.set("ltv_consumer_lag_records", lag, topic, str(number))
                shown.add((topic, str(number)))
        for topic, label in self._shown - shown:
            self._metrics.forget("ltv_consumer_lag_records", topic, label)
        self._shown = shown

    async def _look_over(self, held: Iterable[Partition]) -> Totals:
        totals = Totals()
        for partition in held:
            await _add(totals, partition)
        return totals

    def _show(self, totals: Totals) -> None:
        put = self._metrics.set
        put("ltv_revenue_minor", totals.revenue_minor, self._settings.currency)
        put("ltv_negative_days", totals.negative_days)
        put("ltv_dedup_saturated_customers", totals.saturated)
        put("ltv_state_imbalance_minor", totals.imbalance_minor)
        for currency in self._currencies - set(totals.unconverted):
            self._metrics.forget("ltv_unconverted_minor", currency)
        self._currencies = set(totals.unconverted)
        for currency, minor in totals.unconverted.items():
            put("ltv_unconverted_minor", minor, currency)
        if totals.imbalance_minor:
            log.error(
                "the money in customers is not the money of the accepted events; "
                "run ltv verify, and rebuild the state as a new build",
                imbalance_minor=totals.imbalance_minor,
            )


async def _add(totals: Totals, partition: Partition) -> None:
    """Add one partition, as it is at this moment: both sides are taken before any await."""
    customers = list(partition.customers.values())
    net_minor = partition.watermark.net_minor
    revenue = 0
    for start in range(0, len(customers), AT_ONCE):
        some = customers[start : start + AT_ONCE]
        found = statistics(some)
        revenue += int(found.gross_minor.sum()) - int(found.refunds_minor.sum())
        totals.negative_days += int(found.negative_days.sum())
        totals.saturated += sum(one.saturated for one in some)
        _add_unconverted(totals.unconverted, compress(some, found.unconverted))
        await asyncio.sleep(0)
    totals.customers += len(customers)
    totals.revenue_minor += revenue
    totals.imbalance_minor += revenue - net_minor


def _add_unconverted(into: dict[str, int], customers: Iterable[Customer]) -> None:
    for customer in customers:
        for currency, (gross, refunds) in customer.unconverted.items():
            into[currency] = into.get(currency, 0) + gross - refunds
