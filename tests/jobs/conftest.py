"""Settings with topics of their own on the shared stack, and a way to read what is there."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import TopicPartition

from stream_app.settings import Settings, load
from stream_app.stores.log_reader import LogReader
from stream_app.stores.topics import ensure_topics

_numbers = itertools.count(1)

Environ = dict[str, str]
MakeSettings = Callable[..., Settings]


@pytest.fixture
def own_environ(brokers: str, redis_url: str) -> Environ:
    """Variables that name topics, a group and a key prefix nobody else has."""
    name = f"t{next(_numbers)}-{uuid.uuid4().hex[:8]}"
    topics = {
        f"LTV_TOPIC_{role.upper()}": f"{name}-{role}"
        for role in ("purchases", "signups", "activity", "models", "dead_letters")
    }
    return {
        "LTV_BROKERS": brokers,
        "LTV_REDIS_URL": redis_url,
        "LTV_APP_ID": name,
        "LTV_KEY_PREFIX": f"{name}:",
        "LTV_PARTITIONS": "3",
        **topics,
    }


@pytest.fixture
def settings(own_environ: Environ) -> Settings:
    """Settings of their own, without topics yet."""
    return load(own_environ)


@pytest.fixture
def with_topics(settings: Settings) -> Settings:
    """The same, with every topic made."""
    asyncio.run(ensure_topics(settings, create=True))
    return settings


def read_topic(settings: Settings, topic: str, partitions: int = 3) -> list[Any]:
    """Every record of a topic, by partition and offset."""

    async def read() -> list[Any]:
        reader = LogReader(settings)
        await reader.start()
        try:
            places = [TopicPartition(topic, number) for number in range(partitions)]
            ends = await reader.ends(places)
            found: list[Any] = []
            async for _, records, _ in reader.read(dict.fromkeys(places, 0), ends):
                found.extend(records)
            return sorted(found, key=lambda record: (record.partition, record.offset))
        finally:
            await reader.stop()

    return asyncio.run(read())
