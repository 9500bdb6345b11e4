"""What a publish of everybody by a new model does to live traffic, without Kafka.

    python -m tests.bench.republish_cost [CUSTOMERS]

The publisher runs as in a worker; a thousand customers a second change one by one in the same
event loop, and each is timed from its change to Redis: first alone, then while all are published
by another model. The same with a real worker is `python -m tests.bench republish`.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from stream_app.core.events import Purchase
from stream_app.core.models.published import CDNOW
from stream_app.dev.valkey import Valkey
from stream_app.metrics import HistogramName, Metrics
from stream_app.stores.address import address
from stream_app.stores.keys import Keys
from stream_app.stores.scores import ScoreStore
from stream_app.worker.partition import Partition, Waiting
from stream_app.worker.publishing.publisher import Options, Publisher
from tests.bench.publish_cost import (
    TODAY,
    customers,
    partitions,
    scoring,
    server_cpu,
    settled,
)

RATE = 1_000
ALONE_SECONDS = 15.0


class Timed(Metrics):
    """Metrics that keep each observation of how late a score was."""

    def __init__(self) -> None:
        super().__init__("bench")
        self.late: list[float] = []

    def observe(
        self, name: HistogramName, seconds: float, count: int = 1, labels: tuple[str, ...] = ()
    ) -> None:
        """Keep it."""
        if name == "ltv_event_to_redis_seconds":
            self.late.append(seconds)
        super().observe(name, seconds, count, labels)


async def live(held: Sequence[Partition]) -> None:
    """A thousand purchases a second, until cancelled."""
    chance = random.Random(3)
    keys = [list(each.customers) for each in held]
    began, done = time.monotonic(), 0
    while True:
        for _ in range(int((time.monotonic() - began) * RATE) - done):
            place = chance.randrange(len(held))
            change(held[place], chance.choice(keys[place]), done)
            done += 1
        await asyncio.sleep(0.0005)


def change(partition: Partition, key: bytes, number: int) -> None:
    """One purchase of one customer, folded and acknowledged."""
    customer, name = partition.customers[key].copy(), f"live-{number}"
    at = TODAY * 86_400_000_000
    customer.apply(Purchase(key.decode(), name, name, at, TODAY, "USD", 100, 100))
    customer.pos = partition.next_offset
    partition.next_offset += 2
    partition.customers[key] = partition.dirty[key] = customer
    now = int(time.time() * 1000)
    partition.waiting.append(Waiting(partition.next_offset, now, 1))
    partition.changed.set()


def quantiles(late: list[float]) -> str:
    """Median and tail, ms."""
    found = sorted(late)
    shares = (0.5, 0.9, 0.99, 0.999)
    told = [f"p{share * 100:g} {found[int(len(found) * share)] * 1e3:.1f}" for share in shares]
    return f"{len(found):,} events: {', '.join(told)}, most {found[-1] * 1e3:.1f} ms"


async def published_again(publisher: Publisher, metrics: Metrics) -> None:
    """Wait until a new model has reached everybody; live changes never end."""
    while not metrics.value("ltv_full_publishes_total", "model"):  # noqa: ASYNC110 -- as `settled`
        await asyncio.sleep(0.001)
    while publisher.backlog > RATE:  # noqa: ASYNC110 -- as `settled`
        await asyncio.sleep(0.02)


async def main(count: int) -> None:
    """Alone, then beside a publish of everybody."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    everybody, metrics = customers(count), Timed()
    with tempfile.TemporaryDirectory() as directory, Valkey(Path(directory)) as valkey:
        store = ScoreStore(Keys("ltv:", 1))
        publisher = Publisher(address(valkey.url), valkey.url, store, scoring, metrics, Options())
        held = partitions(everybody)
        for each in held:
            publisher.add(each)
        publisher.set_parameters(CDNOW)
        running = asyncio.create_task(publisher.run())
        began = time.monotonic()
        await settled(publisher)
        print(f"filled {count:,} customers in {time.monotonic() - began:.1f} s", flush=True)
        feeding = asyncio.create_task(live(held))
        await asyncio.sleep(2.0)
        metrics.late.clear()
        await asyncio.sleep(ALONE_SECONDS)
        print(f"alone                {quantiles(metrics.late)}", flush=True)
        metrics.late.clear()
        began, cpu, theirs = time.monotonic(), time.process_time(), server_cpu(valkey)
        publisher.set_parameters(replace(CDNOW, id="another"))
        await published_again(publisher, metrics)
        seconds = time.monotonic() - began
        print(f"beside a publish     {quantiles(metrics.late)}")
        used = (time.process_time() - cpu) / seconds
        served = (server_cpu(valkey) - theirs) / seconds
        print(f"{count:,} in {seconds:.1f} s, {count / seconds:,.0f}/s", end="; ")
        print(f"of a core: publisher {used:.0%}, Valkey {served:.0%}")
        feeding.cancel()
        await publisher.stop()
        await running


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
