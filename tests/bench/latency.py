"""From the producer's send to the score in Redis, at 1,000 events a second.

Seen from outside the worker: Redis announces each hash that is written (keyspace notifications),
and the instant of the announcement less the instant of the send is the latency.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

from aiokafka import AIOKafkaProducer

from tests.bench.bed import Bed
from tests.bench.feed import purchases
from tests.bench.results import Figure

RATE = 1_000
SECONDS = 20
WARM_UP = 2 * RATE
"""Events before the measurement begins."""
CUSTOMERS = 100_000


async def run(bed: Bed) -> list[Figure]:
    """Median and 99th percentile of 20 s of traffic."""
    own = {"APP_ID": "latency", "KEY_PREFIX": "latency:", "TOPIC_PURCHASES": "purchases-latency"}
    await bed.make_topics(**own)
    redis = bed.redis()
    await redis.config_set("notify-keyspace-events", "Kh")
    sent: dict[bytes, deque[float]] = {}
    found: list[float] = []
    try:
        async with bed.worker(bed.variables(**own)), redis.pubsub() as announced:
            await announced.psubscribe("__keyspace@0__:latency:{*")
            listener = asyncio.create_task(listen(announced, sent, found))
            await _produce(bed.stack.brokers, own["TOPIC_PURCHASES"], sent)
            await asyncio.sleep(1.0)
            listener.cancel()
    finally:
        await redis.config_set("notify-keyspace-events", "")
        await redis.aclose()
    late = sorted(found[WARM_UP:])
    assert len(late) >= RATE * SECONDS * 0.95, f"only {len(late)} events were seen in Redis"
    note = f"{len(late):,} events at {RATE:,}/s, seen from outside"
    return [
        Figure("produce to Redis, median", late[len(late) // 2] * 1e3, "ms", "<= 10", note),
        Figure("produce to Redis, p99", late[len(late) * 99 // 100] * 1e3, "ms", "<= 50", note),
    ]


async def listen(announced: object, sent: dict[bytes, deque[float]], found: list[float]) -> None:
    """Take the time of every announced customer who waits; until cancelled."""
    async for message in announced.listen():  # type: ignore[attr-defined]
        if message["type"] == "pmessage" and message["data"] == b"hset":
            now = time.monotonic()
            customer = message["channel"].rpartition(b"{")[2][:-1]
            waiting = sent.get(customer)
            # A write shows every event of the customer that was folded before it.
            if waiting:
                found.append(now - waiting.popleft())


async def _produce(brokers: str, topic: str, sent: dict[bytes, deque[float]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=brokers, acks="all", linger_ms=0)
    await producer.start()
    try:
        began = time.monotonic()
        total = RATE * SECONDS + WARM_UP
        for number, (key, value) in enumerate(purchases(total, CUSTOMERS, seed=9)):
            pause = began + number / RATE - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            sent.setdefault(key, deque()).append(time.monotonic())
            await producer.send(topic, key=key, value=value)
        await producer.flush()
    finally:
        await producer.stop()
