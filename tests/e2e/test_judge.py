"""The judge would see it: each kind of damage, done on purpose, is in its verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaProducer

from tests.core.naive_decoder import RawRecord
from tests.generate import Shape
from tests.ledger import Place
from tests.rig.judge import Judge
from tests.rig.script import feed, start
from tests.rig.stage import Stage, Stages
from tests.rig.verdict import Verdict
from tests.rig.waiting import eventually
from tests.rig.watcher import Watcher

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def shape(stages: Stages) -> Shape:
    return Shape(stages.seed, customers=50, records=2_000, poison={"not_json": 0.05})


async def test_the_judge_sees_what_was_lost_or_counted_twice(stages: Stages, shape: Shape) -> None:
    async with stages.open(shape) as stage:
        await stage.play([start(), feed(2_000)])
        records = stage.ledger.records
        place, record = _good_purchase(stage)
        without = {one: raw for one, raw in records.items() if one != place}
        verdict = await _judged_by(stage, without)
        assert (verdict.lost, verdict.double) == (0, 2), "seen by the counts and by the facts"

        beyond = max(one for one in records if one[:2] == place[:2])
        more = records | {beyond._replace(offset=beyond.offset + 1): record}
        verdict = await _judged_by(stage, more)
        assert (verdict.lost, verdict.double) == (1, 0), "a duplicate more: seen by the counts"

        other = record._replace(
            value=(record.value or b"").replace(b'"event_id": "', b'"event_id": "x')
        )
        verdict = await _judged_by(stage, more | {place: other})
        assert verdict.lost == 2


async def test_the_judge_sees_wrong_hashes_and_letters(stages: Stages, shape: Shape) -> None:
    async with stages.open(shape) as stage:
        await stage.play([start(), feed(2_000)])
        key, store = stage.judge.key_of("c-1"), stage.store
        with Watcher(stage.valkey.url, stage.judge.key_of, ["c-1"]) as watcher:
            await _looked(watcher)
            store.hincrby(key, "revenue", 1)
            store.hset(key, "pos", 0)
            await _looked(watcher)
        assert watcher.regressions
        # A worker that looks everybody over may publish a customer again, and so mend the hash.
        assert await _says_of(stage, lambda: store.hincrby(key, "revenue", 1), "c-1: revenue is")
        assert await _says_of(
            stage, lambda: store.hset(key, "tier", "wrong"), "c-1: tier is 'wrong'"
        )
        assert await _says_of(stage, lambda: store.hset(key, "more", "1"), "c-1: more is '1'")
        store.hset(stage.judge.key_of("nobody"), "rev", 1)
        assert await _says(stage, "a customer whom nobody sent")
        cohorts = f"{stage.settings.key_prefix}cohorts:1"
        assert not await _says(stage, "cohort ")
        stage.judge.cohorts_late = 0.5
        store.hdel(cohorts, "0")
        assert await _says(stage, "cohort first-purchase")
        await _forge_letter(stage, _good_purchase(stage)[0])
        assert await _says(stage, "its record is good")


def _good_purchase(stage: Stage) -> tuple[Place, RawRecord]:
    place = next(
        one
        for one, found in stage.ledger.judged().items()
        if not isinstance(found, str) and found["type"] == "purchase"
    )
    return place, stage.ledger.records[place]


async def _judged_by(stage: Stage, records: dict[Place, RawRecord]) -> Verdict:
    """The verdict of a judge who believes that these records were sent."""
    ledger = dataclasses.replace(stage.ledger, records=records, _judged={})
    judge = Judge(stage.settings, ledger)
    await judge.start()
    try:
        return await judge.judge(None)
    finally:
        await judge.stop()


async def _says(stage: Stage, words: str) -> bool:
    verdict = await stage.judge.judge(stage.store)
    return any(words in one for one in verdict.differences)


async def _says_of(stage: Stage, damage: Callable[[], object], words: str) -> bool:
    """Whether damage is seen, one time of several."""
    for _ in range(5):
        damage()
        if await _says(stage, words):
            return True
    return False


async def _looked(watcher: Watcher) -> None:
    """Wait until it has looked at everything once more, from beginning to end."""
    goal = watcher.looks + 2
    await eventually(lambda: watcher.looks >= goal, "the watcher looks")


async def _forge_letter(stage: Stage, place: Place) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=stage.broker.direct)
    await producer.start()
    try:
        headers = [
            ("ltv-topic", stage.settings.topic_purchases.encode()),
            ("ltv-partition", b"%d" % place.partition),
            ("ltv-offset", b"%d" % place.offset),
            ("ltv-reason", b"not_json"),
            ("ltv-detail", b"forged"),
        ]
        await producer.send_and_wait(stage.settings.topic_dead_letters, b"x", headers=headers)
    finally:
        await producer.stop()
