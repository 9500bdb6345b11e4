"""What reading a score costs: evaluating it, and the whole read over a real Valkey.

    python -m tests.bench.read_cost

Microseconds, the best of a few rounds, since others use the machine too: of this process's CPU for
the steps, on the clock for whole reads. Most of the price of one is fixed (numpy's calls on columns
of one row), so that a customer of many costs a fraction of it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis

from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.dev.valkey import Valkey
from stream_app.reader import AsyncScoreReader, ScoreReader
from tests.core.scoring import BG, DAY, PARETO, customer
from tests.reader.shelf import KEYS, Shelf

BOUGHT = customer((0, 1000), (70, 2000), (140, 2500))
THEN, NOW = DAY * 86_400, (DAY + 200) * 86_400
MODELS: dict[str, ModelParameters | None] = {
    "mbg": CDNOW, "bg": BG, "pareto": PARETO, "formula": None
}  # fmt: skip
ROUNDS = 7


def cost(
    work: Callable[[], object], times: int, clock: Callable[[], float] = time.process_time
) -> float:
    """Microseconds a call."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = clock()
        for _ in range(times):
            work()
        best = min(best, clock() - began)
    return best / times * 1e6


def shelf(model: ModelParameters | None) -> Shelf:
    """A hundred customers of one model."""
    filled = Shelf()
    for number in range(100):
        filled.publish(f"c-{number}", BOUGHT, THEN, model)
    return filled


def steps() -> None:
    """All of a read but the exchange with Redis."""
    print("parsing and evaluating, us:        one   100 at once, each")
    for name, model in MODELS.items():
        filled = shelf(model)
        names = [f"c-{number}" for number in range(100)]
        filled.read(*names, now=NOW)
        one = cost(lambda: filled.read("c-0", now=NOW), 200)  # noqa: B023
        many = cost(lambda: filled.read(*names, now=NOW), 10) / 100  # noqa: B023
        print(f"  {name:28} {one:8.0f} {many:8.1f}")


async def awaited(url: str) -> float:
    """Microseconds a read by the asyncio client."""
    best = float("inf")
    async with AsyncScoreReader(url, timeout_seconds=10) as reader:
        for _ in range(ROUNDS):
            began = time.perf_counter()
            for _ in range(200):
                await reader.customer("c-0", now=NOW)
            best = min(best, (time.perf_counter() - began) / 200)
    return best * 1e6


def main() -> None:
    """Steps, then reads."""
    steps()
    with tempfile.TemporaryDirectory() as directory, Valkey(Path(directory)) as valkey:
        with Redis.from_url(valkey.url) as client:
            for name, stored in shelf(CDNOW).hashes.items():
                client.hset(name.decode(), mapping=dict(stored))
            key = KEYS.customer(b"c-0").decode()
            alone = cost(lambda: client.hgetall(key), 200, time.perf_counter)
        with ScoreReader(valkey.url, timeout_seconds=10) as reader:
            read = cost(lambda: reader.customer("c-0", now=NOW), 200, time.perf_counter)
        print(f"whole reads by mbg, us: HGETALL alone {alone:.0f}, ScoreReader {read:.0f},", end="")
        print(f" AsyncScoreReader {asyncio.run(awaited(valkey.url)):.0f}")


if __name__ == "__main__":
    main()
