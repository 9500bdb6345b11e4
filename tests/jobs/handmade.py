"""A worker in thirty lines, for the tests of verify: sends, folds, appends and publishes by hand.

What it leaves in Kafka and Redis is right; a test then spoils one thing and asks verify to find it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from redis import Redis

from stream_app.core.calendar import Calendar, tzdata_version
from stream_app.core.customer import Customer, Outcome
from stream_app.core.events import Cancellation, Event, Purchase, Refund
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.statistics import statistics
from stream_app.core.score import score
from stream_app.jobs.verification.rescoring import score_settings
from stream_app.settings import Settings, load
from stream_app.stores.keys import Keys
from stream_app.stores.topics import ensure_topics
from stream_app.wire import dead_letter, state
from stream_app.wire.changelog import (
    CLAIM_KEY,
    WATERMARK_KEY,
    Claim,
    SourcePosition,
    Watermark,
    encode_claim,
    encode_value,
    encode_watermark,
)
from stream_app.wire.events import Decoder
from stream_app.wire.models import redis_fields
from stream_app.wire.partitioner import PARTITIONERS
from stream_app.wire.record import Record
from stream_app.wire.refusal import Refusal
from stream_app.wire.scores import redis_rows
from stream_app.wire.state import STATE_VERSION
from tests.core.naive_decoder import RawRecord

PARTITIONS = 2


def environ_of_its_own(brokers: str, redis_url: str) -> dict[str, str]:
    """Variables for topics, a group and a key prefix that no other test has."""
    name = f"t{uuid.uuid4().hex[:8]}"
    return {
        "LTV_BROKERS": brokers,
        "LTV_REDIS_URL": redis_url,
        "LTV_APP_ID": name,
        "LTV_KEY_PREFIX": f"{name}:",
        "LTV_PARTITIONS": str(PARTITIONS),
        "LTV_TOPIC_PURCHASES": f"{name}-purchases",
        "LTV_TOPIC_SIGNUPS": f"{name}-signups",
        "LTV_TOPIC_ACTIVITY": f"{name}-activity",
        "LTV_TOPIC_MODELS": f"{name}-models",
        "LTV_TOPIC_DEAD_LETTERS": f"{name}-dead-letters",
    }


def settings_of_its_own(brokers: str, redis_url: str) -> Settings:
    """The same, read."""
    return load(environ_of_its_own(brokers, redis_url))


@dataclass
class Shop:
    """One partitioned state, folded by hand and written to a real Kafka."""

    settings: Settings
    producer: AIOKafkaProducer
    epochs: dict[int, int] = field(default_factory=dict)
    customers: dict[bytes, Customer] = field(default_factory=dict)
    watermarks: dict[int, Watermark] = field(default_factory=dict)

    @classmethod
    async def open(cls, settings: Settings) -> Shop:
        """Make the topics, start a producer, claim every partition."""
        await ensure_topics(settings, create=True)
        producer = AIOKafkaProducer(bootstrap_servers=settings.brokers, acks="all")
        await producer.start()
        shop = cls(settings, producer)
        for number in range(PARTITIONS):
            await shop.claim(number)
        return shop

    async def close(self) -> None:
        """Stop the producer."""
        await self.producer.stop()

    async def claim(self, number: int) -> None:
        """Take a partition: records of older epochs are void from here on."""
        claim = encode_value(0, encode_claim(Claim("test", "nonce", 0)))
        self.epochs[number] = await self.append(number, CLAIM_KEY, claim)

    async def append(self, number: int, key: bytes, value: bytes) -> int:
        """Append one record to the changelog; returns its offset."""
        topic = self.settings.changelog_topic
        sent = await self.producer.send_and_wait(topic, value, key=key, partition=number)
        offset: int = sent.offset
        return offset

    async def write(self, customer_id: bytes, customer: Customer, epoch: int | None = None) -> None:
        """Append a customer's state, by default with the epoch of the owner."""
        number = self.partition_of(customer_id)
        chosen = self.epochs[number] if epoch is None else epoch
        value = encode_value(chosen, state.encode(customer))
        customer.pos = await self.append(number, customer_id, value)

    def partition_of(self, customer_id: bytes) -> int:
        """Where a customer belongs."""
        partition_of = PARTITIONERS[self.settings.partitioner]
        return 0 if partition_of is None else partition_of(customer_id, PARTITIONS)

    async def work(self, records: Iterable[RawRecord]) -> None:
        """Send records, fold them, append what changed and the watermarks."""
        touched: set[bytes] = set()
        under_way = [(raw, await self._sending(raw)) for raw in records]
        for raw, sending in under_way:
            record = _record(raw, await sending)
            if await self._fold(raw.role, record):
                touched.add(record.key or b"")
        await asyncio.gather(*(self.write(one, self.customers[one]) for one in sorted(touched)))
        for number, watermark in self.watermarks.items():
            value = encode_value(self.epochs[number], encode_watermark(watermark))
            await self.append(number, WATERMARK_KEY, value)

    async def send(self, raw: RawRecord) -> Record:
        """Put one record into its topic, where a producer would."""
        return _record(raw, await (await self._sending(raw)))

    async def _sending(self, raw: RawRecord) -> Awaitable[Any]:
        topic = {
            "purchases": self.settings.topic_purchases,
            "signups": self.settings.topic_signups,
            "activity": self.settings.topic_activity,
        }[raw.role]
        sending: Awaitable[Any] = await self.producer.send(
            topic,
            raw.value,
            key=raw.key,
            partition=self.partition_of(raw.key or b""),
            timestamp_ms=raw.timestamp_ms,
            headers=list(raw.headers),
        )
        return sending

    async def _fold(self, role: str, record: Record) -> bool:
        """Apply one record and move the watermark; returns whether a customer changed."""
        settings = self.settings
        calendar = Calendar(settings.time_zone)
        event = Decoder(role, calendar, settings.currency, settings.max_value).decode(record)
        outcome, money, at_us = "refused", 0, 0
        if isinstance(event, Refusal):
            await self.producer.send_and_wait(
                settings.topic_dead_letters,
                record.value,
                key=record.key,
                headers=dead_letter.headers(record, event),
            )
        else:
            customer = self.customers.setdefault(record.key or b"", Customer())
            applied = customer.apply(event) is Outcome.APPLIED
            outcome = "applied" if applied else "duplicate"
            money, at_us = (_signed(event), event.at_us) if applied else (0, 0)
        self._advance(record, outcome, money, at_us)
        return outcome == "applied"

    def publish(
        self, redis: Redis, as_of: int, gen: int = 1, parameters: ModelParameters | None = None
    ) -> None:
        """Write every customer's hash, and the model's, and say which build publishes."""
        keys = Keys(self.settings.key_prefix, self.settings.build)
        redis.hset(keys.gen.decode(), mapping={"build": self.settings.build, "gen": gen})
        ids = list(self.customers)
        if parameters is not None:
            redis.hset(keys.model(parameters.id).decode(), items=redis_fields(parameters))
        for one, row in zip(ids, self._rows(ids, as_of, gen, parameters), strict=True):
            name = keys.customer(one).decode()
            redis.delete(name)
            redis.hset(name, mapping=dict(zip(row[::2], row[1::2], strict=True)))

    def _rows(
        self, ids: list[bytes], as_of: int, gen: int, parameters: ModelParameters | None
    ) -> list[list[str]]:
        customers = [self.customers[one] for one in ids]
        calendar = Calendar(self.settings.time_zone)
        scores = score(
            statistics(customers),
            as_of_seconds=as_of,
            as_of_day=calendar.day_of(as_of * 1_000_000),
            calendar=calendar,
            parameters=parameters,
            basis_reason=None if parameters else "no_model",
            settings=score_settings(self.settings),
        )
        return redis_rows(customers, scores, gen)

    def _advance(self, record: Record, outcome: str, money: int, at_us: int) -> None:
        number, settings = record.partition, self.settings
        before = self.watermarks.get(number) or Watermark(
            sources={},
            state_version=STATE_VERSION,
            time_zone=settings.time_zone,
            currency=settings.currency,
            partitioner=settings.partitioner,
            tzdata=tzdata_version(),
            partitions=PARTITIONS,
        )
        source = before.sources.get(record.topic, SourcePosition(0))
        counted: dict[str, Any] = {outcome: getattr(source, outcome) + 1}
        source = msgspec.structs.replace(source, next_offset=record.offset + 1, **counted)
        self.watermarks[number] = msgspec.structs.replace(
            before,
            sources={**before.sources, record.topic: source},
            net_minor=before.net_minor + money,
            max_at_us=max(before.max_at_us, at_us),
        )


def _record(raw: RawRecord, sent: Any) -> Record:
    """The record as a consumer sees it."""
    place = (sent.topic, sent.partition, sent.offset, raw.timestamp_ms)
    return Record(*place, raw.key, raw.value, raw.headers)


def _signed(event: Event) -> int:
    if isinstance(event, Purchase):
        return event.base_minor or 0
    if isinstance(event, Refund | Cancellation):
        return -(event.base_minor or 0)
    return 0
