"""Everybody published again by a new model, beside live traffic: how long, and what it costs that.

A worker with a million customers; a thousand events a second of a tenth of them are timed from the
producer's send to the score in Redis, as in `latency`: first alone, then, in the same run, from the
moment that a new model is taken up until its last customer is written. The tenth comes in turns, so
that nobody's second event is on its way before the first has arrived.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from aiokafka import AIOKafkaProducer

from stream_app.core.models.published import CDNOW
from stream_app.wire.models import parameters_to_json
from tests.bench.bed import PATIENCE_SECONDS, Bed, until_published
from tests.bench.feed import one_each, send
from tests.bench.latency import listen
from tests.bench.results import Figure
from tests.rig.waiting import eventually
from tests.rig.worker import Worker

CUSTOMERS = 1_000_000
LIVE_CUSTOMERS = 100_000
LIVE = "republish:{c-00*"
"""Keys of the first hundred thousand."""
RATE = 1_000
ALONE_SECONDS = 20.0
WARM_UP_SECONDS = 3.0
OWN = {
    "APP_ID": "republish",
    "KEY_PREFIX": "republish:",
    "TOPIC_PURCHASES": "purchases-republish",
    "TOPIC_MODELS": "models-republish",
}


async def run(bed: Bed) -> list[Figure]:
    """Seconds for everybody, and the latency of live traffic beside it and without it."""
    await bed.make_topics(**OWN)
    await _publish_model(bed, "first")
    events = await send(bed.stack.brokers, OWN["TOPIC_PURCHASES"], 8, one_each(CUSTOMERS))
    async with bed.worker(bed.variables(**OWN)) as worker:
        await until_published(worker, events)
        found: list[float] = []
        traffic = asyncio.create_task(_traffic(bed, found))
        try:
            await asyncio.sleep(WARM_UP_SECONDS)
            before = len(found)
            await asyncio.sleep(ALONE_SECONDS)
            alone = sorted(found[before:])
            await _publish_model(bed, "second")
            await eventually(lambda: _begun(worker), "taken up", 60, every_seconds=0.1)
            before, began = len(found), time.monotonic()
            await eventually(
                lambda: _done(worker), "published", PATIENCE_SECONDS, every_seconds=0.5
            )
            seconds, beside = time.monotonic() - began, sorted(found[before:])
        finally:
            traffic.cancel()
    return _figures(seconds, alone, beside)


def _figures(seconds: float, alone: list[float], beside: list[float]) -> list[Figure]:
    def at(late: list[float], share: float) -> float:
        return late[int(len(late) * share)] * 1e3

    assert len(alone) > RATE * ALONE_SECONDS * 0.95
    assert len(beside) > RATE * seconds * 0.9
    told = [f"p50 {at(one, 0.5):.1f} ms, p99 {at(one, 0.99):.1f} ms" for one in (beside, alone)]
    note = f"{told[0]} beside it; {told[1]} alone, in the same run"
    return [
        Figure("1 M customers published again", seconds, "s", "<= 60", f"at {RATE:,} events/s"),
        Figure("live p99 beside it", at(beside, 0.99) / at(alone, 0.99), "times", "< 2", note),
    ]


async def _publish_model(bed: Bed, name: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bed.stack.brokers, acks="all")
    await producer.start()
    value = parameters_to_json(replace(CDNOW, id=name))
    await producer.send_and_wait(OWN["TOPIC_MODELS"], key=name.encode(), value=value)
    await producer.stop()


async def _begun(worker: Worker) -> bool:
    return (await worker.metrics()).get(("ltv_full_publishes_total", "model"), 0) >= 8


async def _done(worker: Worker) -> bool:
    return (await worker.metrics())["ltv_publish_backlog_customers",] < RATE


async def _traffic(bed: Bed, found: list[float]) -> None:
    """Live events until cancelled; how late each was in Redis goes to `found`."""
    redis = bed.redis()
    await redis.config_set("notify-keyspace-events", "Kh")
    sent: dict[bytes, deque[float]] = {}
    async with redis.pubsub() as announced:
        await announced.psubscribe(f"__keyspace@0__:{LIVE}")
        listener = asyncio.create_task(listen(announced, sent, found))
        try:
            await _produce(bed.stack.brokers, sent)
        finally:
            listener.cancel()


async def _produce(brokers: str, sent: dict[bytes, deque[float]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=brokers, acks="all", linger_ms=0)
    await producer.start()
    try:
        began = time.monotonic()
        for number, (key, value) in enumerate(_purchases()):
            pause = began + number / RATE - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            sent.setdefault(key, deque()).append(time.monotonic())
            await producer.send(OWN["TOPIC_PURCHASES"], key=key, value=value)
    finally:
        await producer.stop()


def _purchases() -> Iterator[tuple[bytes, bytes]]:
    """Purchases of now, without end."""
    rng = random.Random(8)
    for number in count():
        customer = f"c-{number % LIVE_CUSTOMERS:07d}"
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        text = (
            f'{{"event_id":"live-{number}","customer_id":"{customer}","occurred_at":"{at}",'
            f'"order_id":"live-{number}","amount":"{rng.randrange(100, 20_000) / 100:.2f}",'
            '"currency":"USD"}'
        )
        yield customer.encode(), text.encode()
