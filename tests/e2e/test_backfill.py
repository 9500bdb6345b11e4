"""History from a file and the rest through Kafka: the build is the one that streamed everything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner

from stream_app.cli import ltv
from stream_app.dev.ports import free_port
from stream_app.jobs.demo_worker import WorkerProcess
from stream_app.jobs.verification.history import HistoryOrder
from stream_app.jobs.verification.printing import lines
from stream_app.jobs.verify import Scope, verify
from stream_app.settings import Settings, load
from stream_app.stores.topics import ensure_topics
from stream_app.wire.partitioner import murmur2
from tests.cdnow_log import CUSTOMERS, ORDERS, cdnow_records
from tests.core.naive_decoder import RawRecord
from tests.jobs.backfill.history import streamed, write
from tests.jobs.handmade import environ_of_its_own
from tests.jobs.states import states_of

pytestmark = [pytest.mark.timeout(240), pytest.mark.fault("F22")]

CUT = "1997-10-01"
CUT_MS = int(datetime(1997, 10, 1, tzinfo=UTC).timestamp() * 1_000)
DAY_MS = 86_400_000
IN_KAFKA_MS = CUT_MS - 20 * DAY_MS
"""Kafka was introduced before the cut; what is older exists as a file alone."""


@pytest.fixture
def environ(brokers: str, redis_url: str) -> dict[str, str]:
    own = environ_of_its_own(brokers, redis_url)
    asyncio.run(ensure_topics(load(own), create=True))
    return own


async def send(settings: Settings, records: Iterable[RawRecord]) -> int:
    """Into the topic of purchases, with the time at which they happened."""
    count = 0
    async with AIOKafkaProducer(bootstrap_servers=settings.brokers, acks="all") as producer:
        waiting = []
        for raw in records:
            number = murmur2(raw.key or b"", settings.partitions)
            waiting.append(
                await producer.send(
                    settings.topic_purchases,
                    raw.value,
                    key=raw.key,
                    partition=number,
                    timestamp_ms=raw.timestamp_ms,
                )
            )
            count += 1
        await asyncio.gather(*waiting)
    return count


def test_a_backfill_and_the_stream_after_it_are_the_stream_alone(
    environ: dict[str, str], tmp_path: Path
) -> None:
    records = list(cdnow_records())
    events = [json.loads(raw.value or b"") for raw in records]
    past = [
        event
        for event, raw in zip(events, records, strict=True)
        if (raw.timestamp_ms or 0) < CUT_MS
    ]
    history = write(tmp_path / "orders.csv", past)
    settings = load(environ)
    tail = [raw for raw in records if (raw.timestamp_ms or 0) >= IN_KAFKA_MS]
    asyncio.run(send(settings, sorted(tail, key=lambda raw: raw.timestamp_ms or 0)))
    done = CliRunner().invoke(
        ltv,
        ["backfill", "--history", str(history), "--until", CUT, "--lateness", "3d", "--json"],
        env=environ,
        standalone_mode=False,
    )
    if done.exception is not None:
        raise done.exception
    answer = json.loads(done.stdout)
    assert done.return_value == 0
    assert (answer["build"], answer["written"], answer["applied"]) == (2, True, len(past))
    read = sum((raw.timestamp_ms or 0) >= CUT_MS - 3 * DAY_MS for raw in tail)
    overlap = read + len(past) - ORDERS
    assert answer["to_stream"] == read
    assert overlap > 20

    second = environ | {"LTV_BUILD": "2", "LTV_HTTP_PORT": str(free_port())}
    worker = WorkerProcess(second, tmp_path / "worker.log")
    try:
        worker.wait_ready()
        worker.wait_applied(settings.topic_purchases, ORDERS - len(past), 60)
        made = states_of(load(second))
        with_history = asyncio.run(
            verify(load(second), Scope(redis=False, history=HistoryOrder((str(history),))))
        )
        without = asyncio.run(verify(load(second), Scope(redis=False)))
    finally:
        worker.stop()
    everything = write(tmp_path / "everything.csv", events)
    expected = streamed(settings, [("purchase", everything)]).states
    assert len(expected) == CUSTOMERS
    assert made == expected

    assert with_history.equal, list(lines(with_history, "USD"))
    assert with_history.revenue_minor == 24_409_194
    tally = with_history.topics[settings.topic_purchases]
    assert (tally.read, tally.duplicate) == (read, overlap)
    assert without.equal, list(lines(without, "USD"))
    assert any("began with a history" in note for note in without.notes)
    assert list(lines(without, "USD"))[-1].startswith("EQUAL as far as it was compared")
