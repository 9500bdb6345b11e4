"""What publishing costs: CPU of the publisher's process and of Valkey, for each customer written.

    python -m tests.bench.publish_cost [CUSTOMERS]

The publisher runs as in a worker, on partitions whose customers are all dirty, so every figure is
of whole hashes rewritten. The stages before the network are measured one by one besides, and two
ways to pack a script call beside each other.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import hiredis
import structlog
from redis import Redis

from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer
from stream_app.core.events import Purchase, Signup
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.core.models.statistics import statistics
from stream_app.core.score import ScoreSettings, score
from stream_app.dev.valkey import Valkey
from stream_app.metrics import Metrics
from stream_app.stores.address import address
from stream_app.stores.keys import Keys
from stream_app.stores.scores import ScoreStore
from stream_app.wire.changelog import Watermark
from stream_app.wire.scores import redis_rows
from stream_app.worker.partition import Partition
from stream_app.worker.publishing.flush import SCORED_AT_ONCE
from stream_app.worker.publishing.publisher import Options, Publisher
from stream_app.worker.publishing.scoring import AsOf, Scoring

SEED = 7
PARTITIONS = 8
ROUNDS = 5
TODAY = 20_000
BATCHES = (50, 100, 200, 500)
CHALLENGER = replace(CDNOW, id="challenger-1", r=0.6, role="challenger")


def customers(count: int) -> dict[bytes, Customer]:
    """A shop's customers: half bought once, the rest up to some twenty times in two years."""
    chance = random.Random(SEED)
    made: dict[bytes, Customer] = {}
    for number in range(count):
        customer, name = Customer(), f"customer-{number:07d}"
        if number % 3:
            at_us = (TODAY - 700) * 86_400_000_000
            customer.apply(Signup(name, "s", at_us, TODAY - 700, "search"))
        for purchase in range(1 + min(20, int(chance.expovariate(0.5)))):
            day = TODAY - chance.randrange(700)
            minor = chance.randrange(100, 20_000)
            event = f"{number}-{purchase}"
            customer.apply(
                Purchase(name, event, event, day * 86_400_000_000, day, "USD", minor, minor)
            )
        customer.pos = number
        made[name.encode()] = customer
    return made


def partitions(everybody: dict[bytes, Customer]) -> list[Partition]:
    """The customers, dealt out."""
    marks = Watermark(
        sources={},
        state_version=1,
        time_zone="UTC",
        currency="USD",
        partitioner="murmur2",
        tzdata="",
        partitions=PARTITIONS,
        max_at_us=0,
        net_minor=0,
    )
    made = [Partition(n, 5, marks, len(everybody) + 1, {}) for n in range(PARTITIONS)]
    for place, (key, customer) in enumerate(everybody.items()):
        made[place % PARTITIONS].customers[key] = customer
    return made


def scoring(
    parameters: ModelParameters | None,
    reason: str | None = None,
    challenger: ModelParameters | None = None,
) -> Scoring:
    """By the published model, at the wall clock of `TODAY`; half by a challenger, if there is."""
    as_of = AsOf(lambda: TODAY * 86_400.0)
    settings = ScoreSettings("USD")
    return Scoring(Calendar("UTC"), settings, parameters, reason, as_of, challenger, 0.5)


def per_customer(work: Callable[[], object], count: int) -> float:
    """CPU microseconds a customer; the best of a few, since others use the machine too."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best / count * 1e6


def stages(everybody: dict[bytes, Customer]) -> None:
    """Each step of a piece on its way out."""
    keys = list(everybody)[:SCORED_AT_ONCE]
    piece = [everybody[key] for key in keys]
    bound, contested = scoring(CDNOW), scoring(CDNOW, None, CHALLENGER)
    facts = statistics(piece)
    calendar = bound.calendar
    scores = score(
        facts,
        as_of_seconds=TODAY * 86_400,
        as_of_day=TODAY,
        calendar=calendar,
        parameters=CDNOW,
        basis_reason=None,
        settings=bound.settings,
    )
    rows = redis_rows(piece, scores, 1)
    store = ScoreStore(Keys("ltv:", 1))
    positions = [each.pos for each in piece]

    def packed_whole() -> None:
        for at in range(0, len(keys), 200):
            end = at + 200
            store.write(1, 0, 5, keys[at:end], positions[at:end], rows[at:end])

    def packed_apart() -> None:
        for at in range(0, len(keys), 200):
            some = keys[at : at + 200]
            values = [value for row in rows[at : at + 200] for value in row]
            hiredis.pack_command(("EVALSHA", "x", 200, *some, *values))  # type: ignore[arg-type]

    count = len(piece)
    shown = sum(len(row) for row in rows) / 2 / count
    print(f"stages, CPU us a customer, pieces of {count}, {shown:.1f} fields:")
    print(f"  facts to columns              {per_customer(lambda: statistics(piece), count):6.2f}")
    whole = per_customer(lambda: bound.rows(keys, piece, TODAY * 86_400, 1), count)
    halves = per_customer(lambda: contested.rows(keys, piece, TODAY * 86_400, 1), count)
    texts = per_customer(lambda: redis_rows(piece, scores, 1), count)
    print(f"  scoring (with the columns)    {whole - texts:6.2f}")
    print(f"  half of them by a challenger  {halves - whole:+6.2f}")
    print(f"  texts                         {texts:6.2f}")
    print(f"  packing, one msgpack value    {per_customer(packed_whole, count):6.2f}")
    print(f"  packing, an argument a value  {per_customer(packed_apart, count):6.2f}")


async def published(valkey: Valkey, everybody: dict[bytes, Customer], batch: int) -> None:
    """All customers rewritten, several times; prints the cheapest round."""
    publisher = Publisher(
        address(valkey.url),
        valkey.url,
        ScoreStore(Keys("ltv:", 1)),
        scoring,
        Metrics("bench"),
        Options(batch=batch),
    )
    held = partitions(everybody)
    for each in held:
        publisher.add(each)
    publisher.set_parameters(CDNOW)
    running = asyncio.create_task(publisher.run())
    await settled(publisher)
    rounds = [await once(valkey, publisher, held, len(everybody)) for _ in range(ROUNDS)]
    ours, theirs, wall = (min(column) for column in zip(*rounds, strict=True))
    print(
        f"  {batch:4d} a call: worker {ours:5.2f} us, Valkey {theirs:5.2f} us, "
        f"{1e6 / wall:9,.0f} customers/s"
    )
    await publisher.stop()
    await running


async def once(
    valkey: Valkey, publisher: Publisher, held: list[Partition], count: int
) -> tuple[float, float, float]:
    """One round: microseconds a customer of our CPU, of Valkey's, and of the wall clock."""
    before, began, wall = server_cpu(valkey), time.process_time(), time.monotonic()
    for each in held:
        each.dirty = dict(each.customers)
        each.next_offset += 1
        each.changed.set()
    await settled(publisher)
    spent = time.process_time() - began, server_cpu(valkey) - before, time.monotonic() - wall
    return spent[0] / count * 1e6, spent[1] / count * 1e6, spent[2] / count * 1e6


async def settled(publisher: Publisher) -> None:
    """Wait until everything is in Redis."""
    while not publisher.settled:  # noqa: ASYNC110 -- its end is seen nowhere else
        await asyncio.sleep(0.02)


def server_cpu(valkey: Valkey) -> float:
    """CPU seconds of Valkey so far."""
    with Redis.from_url(valkey.url) as client:
        used = client.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


async def main(count: int) -> None:
    """Stages, then whole publishes at several batch sizes."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    everybody = customers(count)
    stages(everybody)
    with tempfile.TemporaryDirectory() as directory, Valkey(Path(directory)) as valkey:
        print(f"publishing {count:,} dirty customers of {PARTITIONS} partitions, CPU a customer:")
        for batch in BATCHES:
            await published(valkey, everybody, batch)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40_000))
