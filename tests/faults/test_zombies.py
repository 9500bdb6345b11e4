"""A worker that sleeps past its session, and wakes to find its partitions in other hands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from tests.rig.script import (
    begin,
    dies_at,
    drain,
    enough,
    feed,
    folded,
    freezes_at,
    kill9,
    launch,
    owns,
    ready,
    restart,
    settles,
    sigcont,
    sigstop,
    sigterm,
    start,
)
from tests.rig.stage import Stage, Stages

pytestmark = [pytest.mark.timeout(240), pytest.mark.fault("F15")]

SOON = 30.0


async def test_a_worker_that_slept_past_its_session_does_no_harm(
    stages: Stages, long: bool
) -> None:
    for seed in stages.seeds(5 if long else 1):
        await _slept_past_its_session(stages, seed)


async def _slept_past_its_session(stages: Stages, seed: int) -> None:
    async with stages.open(seed=seed, SLICE_RECORDS="50") as stage:
        await stage.play(
            [
                start("zombie"),
                begin(1_000_000, rate=1_000),
                folded(1_000),
                sigstop("zombie"),
                start("heir"),
                owns(4, "heir", within=SOON),
                folded(1_000),
                sigcont("zombie"),
                settles("zombie"),
                folded(1_000),
                enough(),
            ]
        )


@pytest.mark.parametrize("failpoint", ["before_append", "after_append", "mid_redis_write"])
async def test_a_worker_that_slept_in_the_middle_of_its_work_does_no_harm(
    stages: Stages, failpoint: str, long: bool
) -> None:
    """It wakes with a batch in its hands that belongs to somebody else by now."""
    for seed in stages.seeds(5 if long else 1):
        await _slept_at(stages, seed, failpoint)


async def _slept_at(stages: Stages, seed: int, failpoint: str) -> None:
    async with stages.open(seed=seed, SLICE_RECORDS="50") as stage:
        await stage.play(
            [
                launch("zombie", FAILPOINT=f"{failpoint}:20:stop"),
                begin(1_000_000, rate=1_000),
                freezes_at(failpoint, "zombie"),
                start("heir"),
                owns(4, "heir", within=SOON),
                folded(1_000),
                sigcont("zombie"),
                settles("zombie"),
                folded(1_000),
                enough(),
            ]
        )
        if failpoint == "before_append":
            # The batch it held did reach the changelog, and was seen to be nobody's.
            assert sum(view.void for view in stage.judge.views.values()) > 0
            assert await stage.workers["heir"].total("ltv_foreign_writes_total") > 0


async def test_an_heir_that_dies_before_it_has_mended_a_zombies_write_does_no_harm(
    stages: Stages, long: bool
) -> None:
    for seed in stages.seeds(5 if long else 1):
        await _heir_dies(stages, seed)


async def _heir_dies(stages: Stages, seed: int) -> None:
    async with stages.open(seed=seed, SLICE_RECORDS="50") as stage:
        await stage.play(
            [
                launch("zombie", FAILPOINT="before_append:20:stop"),
                begin(1_000_000, rate=1_000),
                freezes_at("before_append", "zombie"),
                launch("heir", FAILPOINT="before_reappend"),
                owns(4, "heir", within=SOON),
                folded(500),
                sigcont("zombie"),
                dies_at("before_reappend", "heir"),
                settles("zombie"),
                restart("heir"),
                ready("heir"),
                folded(1_000),
                enough(),
            ]
        )
        assert sum(view.void for view in stage.judge.views.values()) > 0


NOT_OURS = (
    (b"c-1", b"junk"),
    (b"c-2", None),
    (b"stranger", b'{"revenue": 5}'),
    (b"\0claim", b"me"),
)
"""What a program that took the changelog for a topic of its own might write there."""


async def test_what_a_stranger_writes_into_the_changelog_is_written_over(stages: Stages) -> None:
    """While its owner works, while nobody does, and at the next starts."""
    async with stages.open() as stage:
        await stage.play([start(), feed(2_000), drain()], judged=False)
        await _write_to_every_partition(stage)
        await stage.play([feed(500), drain(), kill9()], judged=False)
        await _write_to_every_partition(stage)
        await stage.play([launch(), ready(), feed(500)])
        await stage.play([sigterm(), restart(), ready(), feed(200)])
        assert await stage.worker.total("ltv_foreign_writes_total") == 0


async def _write_to_every_partition(stage: Stage) -> None:
    async with _producing(stage.settings.brokers) as producer:
        for number in range(stage.settings.partitions):
            for key, value in NOT_OURS:
                await producer.send_and_wait(
                    stage.settings.changelog_topic, value, key, partition=number
                )


@asynccontextmanager
async def _producing(brokers: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=brokers)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()
