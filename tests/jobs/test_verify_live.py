"""Verify beside a worker that works: no false alarm, during traffic and after it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from stream_app.dev.ports import free_port
from stream_app.jobs.demo_worker import WorkerProcess
from stream_app.jobs.verification.printing import lines
from stream_app.jobs.verify import Scope, verify
from stream_app.settings import Settings, load
from stream_app.stores.topics import ensure_topics
from tests.generate import Shape, generate
from tests.jobs.handmade import environ_of_its_own

SHAPE = Shape(
    seed=11,
    customers=300,
    records=6_000,
    foreign=0.1,
    duplicates=0.1,
    cancellations=0.05,
    poison={"bad_amount": 0.01, "not_json": 0.01, "key_mismatch": 0.01},
)
BURST = 100


@pytest.fixture
def worker(
    brokers: str, redis_url: str, tmp_path: Path
) -> Iterator[tuple[Settings, WorkerProcess]]:
    """A worker of its own on topics of its own, ready."""
    environ = environ_of_its_own(brokers, redis_url) | {"LTV_HTTP_PORT": str(free_port())}
    settings = load(environ)
    asyncio.run(ensure_topics(settings, create=True))
    process = WorkerProcess(environ, tmp_path / "worker.log")
    try:
        process.wait_ready()
        yield settings, process
    finally:
        process.stop()


async def send(settings: Settings, halfway: asyncio.Event) -> None:
    """Send the whole log in bursts; `halfway` is set when half of it is out."""
    topics = {
        "purchases": settings.topic_purchases,
        "signups": settings.topic_signups,
        "activity": settings.topic_activity,
    }
    async with AIOKafkaProducer(bootstrap_servers=settings.brokers) as producer:
        for number, raw in enumerate(generate(SHAPE)):
            await producer.send(
                topics[raw.role],
                raw.value,
                key=raw.key,
                timestamp_ms=raw.timestamp_ms,
                headers=list(raw.headers),
            )
            if number % BURST == 0:
                await producer.flush()
                await asyncio.sleep(0.05)
            if number == SHAPE.records // 2:
                halfway.set()


async def test_traffic_raises_no_false_alarm(worker: tuple[Settings, WorkerProcess]) -> None:
    settings, process = worker
    halfway = asyncio.Event()
    sending = asyncio.create_task(send(settings, halfway))
    await halfway.wait()
    during = await verify(settings)
    await sending
    after = await verify(settings, Scope(settle_seconds=20))
    while sum(topic.read for topic in after.topics.values()) < SHAPE.records:
        process.check()
        after = await verify(settings, Scope(settle_seconds=20))
    assert during.equal, list(lines(during, "USD"))
    assert after.equal, list(lines(after, "USD"))
    assert 0 < sum(topic.read for topic in during.topics.values()) < SHAPE.records
    assert after.dead_letters is not None
    assert after.dead_letters.found == after.dead_letters.refused > 0
    assert sum(topic.duplicate for topic in after.topics.values()) > 0
