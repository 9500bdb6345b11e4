"""The bench's load: purchases of about 200 bytes with fixed seeds, straight into record batches."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator

from aiokafka import AIOKafkaProducer

from stream_app.wire.partitioner import murmur2

BATCH_BYTES = 512 << 10
START_S = 1_735_689_600
"""2025-01-01T00:00:00Z: where the made-up history begins."""


def purchases(
    events: int, customers: int, *, seed: int = 1, first: int = 0, days: int = 365
) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of ``events`` purchases in order of time, spread over ``days``."""
    rng = random.Random(seed)
    step = days * 86_400 / max(events, 1)
    for number in range(first, first + events):
        customer = f"c-{rng.randrange(customers):07d}"
        at = time.gmtime(START_S + int((number - first) * step))
        text = (
            f'{{"type":"purchase","event_id":"e-{seed}-{number:010d}","customer_id":"{customer}",'
            f'"occurred_at":"{time.strftime("%Y-%m-%dT%H:%M:%SZ", at)}",'
            f'"order_id":"o-{number:010d}","amount":"{rng.randrange(100, 20_000) / 100:.2f}",'
            '"currency":"USD","note":"free text, ignored"}'
        )
        yield customer.encode(), text.encode()


def one_each(customers: int) -> Iterator[tuple[bytes, bytes]]:
    """2.94 purchases a customer on average, as in CDNOW: everybody buys, some again."""
    yield from _of_everybody(customers)
    yield from purchases(int(1.94 * customers), customers, seed=2, days=540)


def _of_everybody(customers: int) -> Iterator[tuple[bytes, bytes]]:
    rng = random.Random(3)
    for number in range(customers):
        at = time.gmtime(START_S + rng.randrange(90 * 86_400))
        customer = f"c-{number:07d}"
        text = (
            f'{{"event_id":"f-{number}","customer_id":"{customer}",'
            f'"occurred_at":"{time.strftime("%Y-%m-%dT%H:%M:%SZ", at)}",'
            f'"order_id":"p-{number}","amount":"{rng.randrange(100, 20_000) / 100:.2f}",'
            '"currency":"USD"}'
        )
        yield customer.encode(), text.encode()


async def send(
    brokers: str, topic: str, partitions: int, records: Iterator[tuple[bytes, bytes]]
) -> int:
    """Send everything as full batches; returns how many records the broker acknowledged."""
    producer = AIOKafkaProducer(
        bootstrap_servers=brokers, acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES
    )
    await producer.start()
    places: dict[bytes, int] = {}
    open_batches = [producer.create_batch() for _ in range(partitions)]
    waiting: set[asyncio.Future[object]] = set()
    count = 0
    try:
        for key, value in records:
            number = places.get(key)
            if number is None:
                number = places[key] = murmur2(key, partitions)
            now = int(time.time() * 1000)
            if open_batches[number].append(timestamp=now, key=key, value=value) is None:
                full = open_batches[number]
                waiting.add(await producer.send_batch(full, topic, partition=number))
                fresh = open_batches[number] = producer.create_batch()
                fresh.append(timestamp=now, key=key, value=value)
            count += 1
        for number, batch in enumerate(open_batches):
            if batch.record_count():
                waiting.add(await producer.send_batch(batch, topic, partition=number))
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()
    return count
