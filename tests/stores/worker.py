"""The rest of a worker, as far as a publisher sees it: partitions, events, a clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from redis import Redis

from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer
from stream_app.core.events import Purchase
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.score import ScoreSettings
from stream_app.metrics import Metrics
from stream_app.stores.address import address
from stream_app.stores.keys import Keys
from stream_app.stores.scores import ScoreStore
from stream_app.wire.changelog import Watermark
from stream_app.worker.partition import Partition, Waiting
from stream_app.worker.publishing.coalescing import Coalescing
from stream_app.worker.publishing.publisher import Options, Publisher
from stream_app.worker.publishing.scoring import AsOf, Scoring

DAY = 86_400
NOON = 20_000 * DAY + DAY // 2
"""A day in 2024, from which tests count."""


class State:
    """One partition of a worker: purchases are folded and acknowledged at once, or when told."""

    def __init__(self, number: int = 3, epoch: int = 50) -> None:
        watermark = Watermark(
            sources={},
            state_version=1,
            time_zone="UTC",
            currency="USD",
            partitioner="murmur2",
            tzdata="",
            partitions=8,
            max_at_us=0,
            net_minor=0,
        )
        self.partition = Partition(number, epoch, watermark, next_offset=epoch + 1, acknowledged={})
        self._events = 0

    def buy(
        self,
        *customer_ids: str,
        day: int = NOON // DAY,
        minor: int = 100,
        acknowledged: bool = True,
    ) -> None:
        """One purchase each, as one slice."""
        slice_: dict[bytes, Customer] = {}
        for customer_id in customer_ids:
            key = customer_id.encode()
            known = self.partition.customers.get(key)
            customer = known.copy() if known is not None else Customer()
            self._events += 1
            name = f"{self.partition.epoch}-{self._events}"
            customer.apply(
                Purchase(customer_id, name, name, day * DAY * 10**6, day, "USD", minor, minor)
            )
            self.partition.customers[key] = slice_[key] = customer
            self.partition.unacknowledged[key] = self.partition.unacknowledged.get(key, 0) + 1
        if acknowledged:
            self.acknowledge(slice_)

    def acknowledge(self, slice_: dict[bytes, Customer] | None = None) -> None:
        """The slice, or all that waits, is in the changelog."""
        partition = self.partition
        if slice_ is None:
            slice_ = {key: partition.customers[key] for key in partition.unacknowledged}
        for key, customer in slice_.items():
            customer.pos = partition.next_offset
            partition.next_offset += 1
            partition.dirty[key] = customer
            partition.unacknowledged.pop(key, None)
            partition.max_at_us = max(partition.max_at_us, (customer.last_day or 0) * DAY * 10**6)
        partition.next_offset += 1  # the watermark
        partition.waiting.append(Waiting(partition.next_offset, -1, len(slice_)))
        partition.changed.set()

    def recovered(self, *, epoch: int | None = None) -> State:
        """The same partition after a restart: a new claim, nothing dirty."""
        old = self.partition
        again = State(old.number, old.next_offset if epoch is None else epoch)
        again.partition.customers = dict(old.customers)
        again.partition.max_at_us = old.max_at_us
        return again


@dataclass
class Clock:
    """Unix seconds, moved by the test."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


@dataclass
class Rig:
    """A publisher and what surrounds it."""

    url: str
    build: int = 1
    fixed: int | None = None
    event_time: bool = False
    check_seconds: float = 0.1
    refresh_seconds: float = 1e9
    timeout_seconds: float = 1.0
    republish_rate: float = 0.0
    drift: float = 0.01
    model: ModelParameters | None = None
    allow_eviction: bool = False
    challenger_share: float = 0.0
    clock: Clock = field(default_factory=Clock)
    metrics: Metrics = field(default_factory=lambda: Metrics("test"))
    publisher: Publisher = field(init=False)
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.publisher = Publisher(
            address(self.url),
            self.url,
            ScoreStore(Keys("ltv:", self.build)),
            self.scoring,
            self.metrics,
            Options(
                allow_eviction=self.allow_eviction,
                check_seconds=self.check_seconds,
                refresh_seconds=self.refresh_seconds,
                republish_rate=self.republish_rate,
                timeout_seconds=self.timeout_seconds,
                coalescing=Coalescing(),
            ),
        )

    def scoring(
        self,
        parameters: ModelParameters | None,
        reason: str | None,
        challenger: ModelParameters | None,
    ) -> Scoring:
        """What the wiring of a worker gives."""
        as_of = AsOf(self.clock, self.fixed, self.event_time)
        settings = ScoreSettings(currency="USD")
        return Scoring(
            *(Calendar("UTC"), settings, parameters, reason, as_of),
            challenger=challenger,
            challenger_share=self.challenger_share,
            drift=self.drift,
        )

    async def start(self, *states: State) -> None:
        """Run it, following the partitions, with the model or by formula."""
        self.publisher.set_parameters(self.model, None if self.model else "no model")
        await self.run(*states)

    async def run(self, *states: State) -> None:
        """Run it, following the partitions, with the parameters it was given."""
        for state in states:
            self.publisher.add(state.partition)
        self.task = asyncio.create_task(self.publisher.run())

    async def stop(self, drain_seconds: float = 5.0) -> None:
        await self.publisher.stop(drain_seconds)
        if self.task is not None:
            await self.task

    async def crash(self) -> None:
        """End it where it stands."""
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait({self.task})

    async def settled(self, seconds: float = 10.0) -> None:
        """Wait until Redis has everything and says so."""
        await until(lambda: self.publisher.settled, seconds)

    def published(self) -> float:
        """Customers written so far."""
        return self.metrics.value("ltv_published_customers_total")

    def republished(self, cause: str) -> float:
        """Customers written by passes so far for this cause."""
        return self.metrics.value("ltv_republished_customers_total", cause)

    def full(self, cause: str) -> float:
        """Partitions published whole so far for this cause."""
        return self.metrics.value("ltv_full_publishes_total", cause)


async def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for an effect; fails when it does not come."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 -- the effect is in Redis, nobody signals it
            await asyncio.sleep(0.005)


def shown(client: Redis, ids: Iterable[str], field_name: str = "revenue") -> dict[str, str | None]:
    """One field of customers, as Redis shows it."""
    found = {each: client.hget(f"ltv:{{{each}}}", field_name) for each in ids}
    return {
        each: value.decode() if isinstance(value, bytes) else value for each, value in found.items()
    }


def equal(client: Redis, state: State) -> bool:
    """Whether Redis shows every acknowledged customer as it is."""
    return all(
        client.hmget(b"ltv:{" + key + b"}", ["revenue", "orders", "pos"])
        == [b"%d" % each.revenue_minor, b"%d" % each.orders, b"%d" % each.pos]
        for key, each in state.partition.customers.items()
        if key not in state.partition.unacknowledged
    )
