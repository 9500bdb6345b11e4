"""Two builds of a million customers each, a hundredth of them different, compared by `ltv diff`."""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from stream_app.core.customer import Customer
from stream_app.core.events import Purchase
from stream_app.wire.state import encode
from tests.bench.bed import Bed
from tests.bench.results import Figure
from tests.jobs.changelogs import Changelog

CUSTOMERS = 1_000_000
DIFFERENT_EACH = 100
FIRST_DAY = 19_000
OWN = {"APP_ID": "diff", "KEY_PREFIX": "diff:"}


async def run(bed: Bed) -> list[Figure]:
    """Write both changelogs, then run the command in a process of its own."""
    settings = bed.settings(**OWN)
    for build in (1, 2):
        changelog = await Changelog.open(replace(settings, build=build))
        await changelog.fill(customers(build))
        await changelog.mark_all()
        await changelog.close()
    began = time.monotonic()
    told, cpu_seconds, largest_kib = await _diff(bed)
    seconds = time.monotonic() - began
    assert told["different"] == CUSTOMERS // DIFFERENT_EACH, told
    assert told["customers"] == CUSTOMERS
    note = f"1 record a customer and build, {told['different']:,} differ"
    return [
        Figure("diff of 1 M customers", seconds, "s", "<= 60", note),
        Figure("diff of 1 M customers, CPU", cpu_seconds, "s", "", note),
        Figure("diff of 1 M customers, memory", largest_kib / 2**10, "MiB", "", "largest resident"),
    ]


def customers(build: int) -> Iterator[tuple[bytes, bytes]]:
    """2.94 orders each on average; in build 2 every hundredth customer has one more."""
    rng = random.Random(5)
    for number in range(CUSTOMERS):
        customer, key = Customer(), f"c-{number:07d}"
        day = FIRST_DAY + rng.randrange(90)
        for order in range(1 + min(int(rng.expovariate(1 / 2.44)), 60)):
            day += rng.randrange(60) if order else 0
            _buy(customer, key, order, day, rng.randrange(100, 20_000))
        if build == 2 and number % DIFFERENT_EACH == 0:
            _buy(customer, key, 1_000, day + 1, 500)
        yield key.encode(), encode(customer)


def _buy(customer: Customer, key: str, order: int, day: int, minor: int) -> None:
    name = f"{key}-{order}"
    customer.apply(Purchase(key, name, name, day * 86_400_000_000, day, "USD", minor, minor))


async def _diff(bed: Bed) -> tuple[dict[str, int], float, int]:
    """What the command found, and what it took."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LTV_")}
    environ |= {f"LTV_{name}": value for name, value in bed.variables(**OWN).items()}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = (sys.executable, "-m", "stream_app", "diff", "--builds", "1,2", "--json")
    process = await asyncio.create_subprocess_exec(
        *words, env=environ, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 1, "the builds differ"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    # The largest child of all there were: Kafka and Valkey of this bench have not ended yet.
    return json.loads(out), cpu_seconds, after.ru_maxrss
