"""Writes a build's changelog as its worker would have left it, from customers that a test made."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

from stream_app.core.calendar import tzdata_version
from stream_app.settings import Settings
from stream_app.stores.topics import ensure_topics
from stream_app.wire.changelog import (
    CLAIM_KEY,
    WATERMARK_KEY,
    Claim,
    History,
    SourcePosition,
    Watermark,
    encode_claim,
    encode_value,
    encode_watermark,
)
from stream_app.wire.partitioner import PARTITIONERS
from stream_app.wire.state import STATE_VERSION

BATCH_BYTES = 512 << 10


def watermark(settings: Settings, positions: Mapping[str, int] | None = None) -> Watermark:
    """The watermark of a partition that has read its topics up to `positions`; else to 0."""
    return Watermark(
        sources={
            topic: SourcePosition((positions or {}).get(topic, 0))
            for topic in settings.source_topics
        },
        state_version=STATE_VERSION,
        time_zone=settings.time_zone,
        currency=settings.currency,
        partitioner=settings.partitioner,
        tzdata=tzdata_version(),
        partitions=settings.partitions,
    )


class Changelog:
    """One build's changelog: every partition claimed, then what a test appends."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer) -> None:
        self.settings = settings
        self.epochs: dict[int, int] = {}
        self._producer = producer

    @classmethod
    async def open(cls, settings: Settings) -> Changelog:
        """With its topic made and a claim on every partition."""
        await ensure_topics(settings, create=True)
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.brokers, acks="all", max_batch_size=BATCH_BYTES
        )
        await producer.start()
        made = cls(settings, producer)
        for number in range(settings.partitions):
            await made.claim(number)
        return made

    async def close(self) -> None:
        """Disconnect."""
        await self._producer.stop()

    async def claim(self, number: int) -> None:
        """Own a partition from here on."""
        claim = encode_value(0, encode_claim(Claim("test", "nonce", 0)))
        self.epochs[number] = await self._append(number, CLAIM_KEY, claim)

    async def mark(self, number: int, positions: Mapping[str, int] | None = None) -> None:
        """Say how far a partition has read its topics."""
        body = encode_watermark(watermark(self.settings, positions))
        await self._append(number, WATERMARK_KEY, encode_value(self.epochs[number], body))

    async def mark_unfinished(self, number: int) -> None:
        """As a backfill or a replay marks what it has begun and not ended."""
        history = History(until_us=0, finished=False)
        begun = msgspec.structs.replace(watermark(self.settings), history=history)
        value = encode_value(self.epochs[number], encode_watermark(begun))
        await self._append(number, WATERMARK_KEY, value)

    async def mark_all(self, positions: Mapping[str, int] | None = None) -> None:
        """The same of every partition."""
        for number in range(self.settings.partitions):
            await self.mark(number, positions)

    async def write(self, customer: bytes, state: bytes, epoch: int | None = None) -> None:
        """Append the state of one customer; no bytes take the customer back."""
        number = self.partition_of(customer)
        epoch = self.epochs[number] if epoch is None else epoch
        await self._append(number, customer, encode_value(epoch, state))

    async def fill(self, customers: Iterable[tuple[bytes, bytes]]) -> None:
        """Append many states, in full batches."""
        topic, producer = self.settings.changelog_topic, self._producer
        batches = [producer.create_batch() for _ in self.epochs]
        waiting: list[asyncio.Future[Any]] = []
        now = int(time.time() * 1000)
        for customer, state in customers:
            number = self.partition_of(customer)
            value = encode_value(self.epochs[number], state)
            while batches[number].append(timestamp=now, key=customer, value=value) is None:
                waiting.append(await producer.send_batch(batches[number], topic, partition=number))
                batches[number] = producer.create_batch()
        for number, batch in enumerate(batches):
            if batch.record_count():
                waiting.append(await producer.send_batch(batch, topic, partition=number))
        await asyncio.gather(*waiting)

    async def send(self, topic: str, number: int, key: bytes, value: dict[str, Any]) -> int:
        """Put an event into a source topic; its offset."""
        return await self._send(topic, number, key, json.dumps(value).encode())

    def partition_of(self, customer: bytes) -> int:
        """Where a customer belongs."""
        partitioner = PARTITIONERS[self.settings.partitioner]
        return partitioner(customer, self.settings.partitions) if partitioner else 0

    async def _append(self, number: int, key: bytes, value: bytes) -> int:
        return await self._send(self.settings.changelog_topic, number, key, value)

    async def _send(self, topic: str, number: int, key: bytes, value: bytes) -> int:
        sent = await self._producer.send_and_wait(topic, value, key=key, partition=number)
        offset: int = sent.offset
        return offset
