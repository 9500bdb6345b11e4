"""What every measurement stands on: a fresh Kafka and Valkey, topics, a worker, its CPU."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
from redis.asyncio import Redis

from stream_app.core.models.published import CDNOW
from stream_app.dev.stack import Stack
from stream_app.settings import Settings, load
from stream_app.stores.topics import ensure_topics
from stream_app.wire.models import parameters_to_json
from tests.rig.worker import Worker

PATIENCE_SECONDS = 900.0


class Bed:
    """A running stack and the settings that point at it."""

    def __init__(self, stack: Stack, directory: Path) -> None:
        self.stack = stack
        self.directory = directory
        self._workers = 0
        self.model_file = directory / "model.json"
        self.model_file.write_bytes(parameters_to_json(CDNOW))

    def variables(self, **more: str) -> dict[str, str]:
        """Variables without their prefix, as the worker gets them."""
        return {"BROKERS": self.stack.brokers, "REDIS_URL": self.stack.redis_url, **more}

    def settings(self, **more: str) -> Settings:
        """The same as settings."""
        return load({f"LTV_{name}": value for name, value in self.variables(**more).items()})

    async def make_topics(self, **more: str) -> None:
        """The product's topics for these settings."""
        await ensure_topics(self.settings(**more), create=True)

    @asynccontextmanager
    async def worker(self, variables: Mapping[str, str]) -> AsyncIterator[Worker]:
        """A worker that is ready; ended after."""
        self._workers += 1
        log = self.directory / f"worker-{self._workers}.log"
        worker = Worker(f"worker-{self._workers}", variables, log)
        try:
            await worker.wait_ready(PATIENCE_SECONDS)
            yield worker
        finally:
            worker.end()

    def redis(self) -> Redis:
        """A client of the bed's Redis."""
        return Redis.from_url(self.stack.redis_url)


@asynccontextmanager
async def new_bed() -> AsyncIterator[Bed]:
    """A stack of its own in a directory that goes with it."""
    with tempfile.TemporaryDirectory(prefix="ltv-bench-") as name:
        directory = Path(name)
        with Stack(directory) as stack:
            yield Bed(stack, directory)


async def _is_published(worker: Worker) -> bool:
    async with aiohttp.ClientSession(worker.url) as session, session.get("/readyz") as answer:
        return bool((await answer.json()).get("published"))


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all threads."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def resident_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(psutil.Process(pid).memory_info().rss)


async def until_published(worker: Worker, events: int) -> float:
    """Wait until the worker has counted ``events`` and Redis shows all of them; monotonic time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        metrics = await worker.metrics()
        seen = sum(value for key, value in metrics.items() if key[0] == "ltv_events_total")
        if seen >= events and await _is_published(worker):
            return time.monotonic()
        if worker.exit_code is not None:
            raise RuntimeError(worker.last_words)
        await asyncio.sleep(0.02)
    raise TimeoutError(f"{events} events were not published. {worker.last_words}")
