"""`ltv serve`: customers a second and their p99, and the largest report, over HTTP on this machine.

    python -m tests.bench serve

A server process, a Valkey and the load share the machine's cores. Customers a second per core are
counted by the CPU that the server's process used, which has one thread for them. The p99 is that of
a steady stream at half of what the server can do; at the limit a queue is all one measures.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, cast

import numpy as np
import psutil
from redis import Redis

from stream_app.core.cohorts.cells import FIELDS, GROSS, Table
from stream_app.core.cohorts.columns import HEAD, WIDTH, Columns
from stream_app.core.cohorts.totals import Totals
from stream_app.dev.valkey import Valkey
from stream_app.wire.cohorts import Meta, encode
from tests.bench.bed import Bed
from tests.bench.results import Figure, show
from tests.core.scoring import DAY, customer
from tests.reader.shelf import KEYS, Shelf

CUSTOMERS = 10_000
CONNECTIONS = 32
SECONDS = 5.0
COHORTS, CHANNELS, PARTITIONS = 300, 10, 8
PREFIX = "ltv:"


@dataclass
class Full:
    """Totals with a number in every cell, whose numbers depend on a seed."""

    seed: int

    def columns(self, _table: Table) -> Columns:
        """All cohorts of all channels."""
        size = COHORTS * CHANNELS
        numbers = np.random.default_rng(self.seed).integers(1, 100, (size, WIDTH))
        numbers[:, HEAD + GROSS :: FIELDS] *= 1000
        rows = np.arange(size)
        return Columns(
            [f"channel {number}" for number in range(CHANNELS)],
            rows % CHANNELS,
            120 + rows // CHANNELS,
            numbers,
            {},
            rows,
            rows % 300 + 1,
            rows % 50 + 1,
        )


@dataclass
class Load:
    """Latencies of one stretch of load."""

    seconds: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0

    @property
    def per_core(self) -> float:
        """Requests a second of the server's CPU."""
        return len(self.seconds) / self.cpu_seconds

    def quantile(self, share: float) -> float:
        """Milliseconds."""
        return sorted(self.seconds)[int(share * (len(self.seconds) - 1))] * 1000


async def run(bed: Bed) -> list[Figure]:
    """All figures."""
    return await figures_of(bed.stack.redis_url)


async def figures_of(url: str) -> list[Figure]:
    """The same on a Redis that may be filled."""
    with Redis.from_url(url) as client:
        fill_customers(client)
        fill_cohorts(client)
    figures: list[Figure] = []
    async with serving(url) as (port, process):
        for name, query in (("as of now", ""), ("as published", "?as_of=published")):
            await load(port, process, query, CONNECTIONS, 1.0)
            full = await load(port, process, query, CONNECTIONS, SECONDS)
            pace = 0.5 * len(full.seconds) / full.wall_seconds
            steady = await load(port, process, query, CONNECTIONS, SECONDS, pace)
            note = f"{CONNECTIONS} connections, load on the same machine"
            figures += [
                Figure(f"serve: customers {name}", full.per_core, "/s a core", ">= 5,000", note),
                Figure(
                    f"serve: customers {name}, p99", steady.quantile(0.99), "ms", "<= 10",
                    f"at {pace:,.0f}/s, half of the most",
                ),
            ]  # fmt: skip
        for name, path in (
            ("JSON", "/v1/cohorts?by=first-purchase&offsets=35"),
            ("page", "/report?by=first-purchase&offsets=35"),
        ):
            taken, spent = await report_seconds(port, process, path, url)
            note = f"{COHORTS} cohorts x 36 offsets x {CHANNELS} channels, {PARTITIONS} partitions"
            figures += [
                Figure(f"serve: report, {name}", taken * 1000, "ms", "<= 200", note),
                Figure(f"serve: report, {name}, CPU", spent * 1000, "ms", "", note),
            ]
    return figures


def fill_customers(client: Redis) -> None:
    """Customers with a few purchase days each, and what they are scored with."""
    shelf, random = Shelf(), Random(7)
    for number in range(CUSTOMERS):
        days = sorted(random.sample(range(300), random.randint(1, 6)))
        bought = customer(*((day, random.randint(500, 9000)) for day in days))
        shelf.publish(f"c-{number}", bought, (DAY + 300) * 86_400)
    pipeline = client.pipeline(transaction=False)
    for key, stored in shelf.hashes.items():
        fields: dict[Any, Any] = dict(stored)
        pipeline.hset(key.decode(), mapping=fields)
    pipeline.execute()


def fill_cohorts(client: Redis, first: int = 0) -> None:
    """Totals with a number in every cell; another `first` makes others of them."""
    meta = Meta(currency="USD", time_zone="UTC", partitions=PARTITIONS, first_purchase_day=0)
    client.hset(KEYS.gen.decode(), mapping={"build": "1", "gen": "1"})
    name = KEYS.summary("cohorts", 1).decode()
    for number in range(PARTITIONS):
        client.hset(name, str(number), encode(cast(Totals, Full(first + number)), meta))


@asynccontextmanager
async def serving(url: str) -> AsyncIterator[tuple[int, psutil.Process]]:
    """A server process."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LTV_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stream_app", "serve",
        env={**clean, "LTV_REDIS_URL": url, "LTV_HTTP_PORT": "0", "LTV_LOG_LEVEL": "error"},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    said = (await process.stdout.readline()).decode().strip()
    try:
        yield int(said.rpartition(":")[2]), psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


async def load(
    port: int, process: psutil.Process, query: str, connections: int, seconds: float,
    pace: float | None = None,
) -> Load:  # fmt: skip
    """Ask for customers over so many connections, as fast as can be or so many a second."""
    found, random = Load(), Random(11)
    ends = time.perf_counter() + seconds
    before = process.cpu_times()

    async def one(place: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        due = time.perf_counter() + (place / pace if pace else 0.0)
        while (now := time.perf_counter()) < ends:
            if pace is not None and due > now:
                await asyncio.sleep(due - now)
            began = due if pace is not None else now
            path = f"/v1/customers/c-{random.randrange(CUSTOMERS)}{query}"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            size = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(size)
            found.seconds.append(time.perf_counter() - began)
            due += connections / pace if pace else 0.0
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one(place) for place in range(connections)))
    after = process.cpu_times()
    found.wall_seconds = time.perf_counter() - began
    found.cpu_seconds = after.user + after.system - before.user - before.system
    return found


async def report_seconds(
    port: int, process: psutil.Process, path: str, url: str
) -> tuple[float, float]:
    """The best of a few reads of totals that have changed each time: on the clock, and of CPU."""
    best, least = float("inf"), float("inf")
    for attempt in range(5):
        with Redis.from_url(url) as client:
            await asyncio.to_thread(fill_cohorts, client, attempt)
        began, before = time.perf_counter(), process.cpu_times()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 26)
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        answer = await reader.read(-1)
        best, after = min(best, time.perf_counter() - began), process.cpu_times()
        least = min(least, after.user + after.system - before.user - before.system)
        assert answer.startswith(b"HTTP/1.1 200"), answer[:500]
        writer.close()
    return best, least


def main() -> None:
    """The same without a Kafka."""
    with tempfile.TemporaryDirectory() as directory, Valkey(Path(directory)) as valkey:
        show(asyncio.run(figures_of(valkey.url)))


if __name__ == "__main__":
    main()
