"""Kafka compacts the changelog as fast as it can while workers die and come back."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic

from stream_app.stores.log_reader import LogReader
from stream_app.stores.topics import admin_client
from tests.generate import Shape
from tests.rig.kafka_admin import make_topics
from tests.rig.script import begin, enough, folded, kill9, restart, start
from tests.rig.servers import Broker
from tests.rig.stage import Stage, Stages
from tests.rig.waiting import eventually

pytestmark = [pytest.mark.timeout(1_800), pytest.mark.fault("F20")]

EAGER = {
    "cleanup.policy": "compact",
    "segment.ms": "1000",
    "segment.bytes": str(1 << 20),
    "min.cleanable.dirty.ratio": "0.01",
    "min.compaction.lag.ms": "0",
    "max.message.bytes": str(8 << 20),
}
"""What no one should set, and somebody will."""


async def test_eager_compaction_and_restarts_lose_nothing_and_nobody_is_stuck(
    stages: Stages, tmp_path: Path, long: bool
) -> None:
    """It has to be seen to have struck: the log must have holes before the end."""
    broker = Broker(tmp_path / "kafka", {"log.cleaner.backoff.ms": "200"})
    shape = Shape(seed=stages.seed, customers=100, records=100_000_000)
    with broker.kafka:
        async with stages.open(
            shape, broker=broker, topics=False, SLICE_RECORDS="20", SESSION_SECONDS="2"
        ) as stage:
            await _eager_changelog(stage)
            await make_topics(stage.settings)
            cycle = [folded(500), kill9(), restart(), folded(200)]
            await stage.play([start(), begin(100_000_000, rate=500)], judged=False)
            for _ in range(100 if long else 2):
                holes = await _holes(stage)
                await stage.play(cycle, judged=False)
                await _compacted(stage, holes)
            await stage.play([enough(), kill9(), restart()])


async def _eager_changelog(stage: Stage) -> None:
    settings = stage.settings
    async with admin_client(settings) as admin:
        topic = NewTopic(settings.changelog_topic, settings.partitions, 1, topic_configs=EAGER)
        answer = await admin.create_topics([topic])
        assert [code for _, code, _ in answer.topic_errors] == [0]


async def _compacted(stage: Stage, before: int) -> None:
    """Wait until compaction has taken records out since."""

    async def is_so() -> bool:
        stage.demand_worker()
        return await _holes(stage) > before

    await eventually(is_so, "the changelog is compacted", every_seconds=0.5)


async def _holes(stage: Stage) -> int:
    """Offsets of the changelog at which there is no record any more."""
    numbers = range(stage.settings.partitions)
    places = [TopicPartition(stage.settings.changelog_topic, number) for number in numbers]
    log = LogReader(stage.settings)
    await log.start()
    try:
        starts, ends = await log.starts(places), await log.ends(places)
        there = 0
        async for _, records, _ in log.read(starts, ends):
            there += len(records)
    finally:
        await log.stop()
    return sum(ends.values()) - there
