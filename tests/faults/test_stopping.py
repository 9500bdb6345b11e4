"""Told to stop (SIGTERM): in order where that is possible, soon in any case, never falsely."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stream_app.dev.valkey import Valkey
from tests.rig.script import (
    begin,
    drain,
    enough,
    exits,
    feed,
    folded,
    kafka_kill,
    kafka_start,
    reads,
    redis_pause,
    redis_resume,
    reread,
    restart,
    sigterm,
    start,
    told_to_stop,
)
from tests.rig.servers import Broker
from tests.rig.stage import Stages

pytestmark = [pytest.mark.timeout(240), pytest.mark.fault("F17")]

WITHOUT_A_BROKER_SECONDS = 30.0


@pytest.fixture(scope="module")
def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server that these tests may freeze."""
    with Valkey(tmp_path_factory.mktemp("own-valkey")) as running:
        yield running


async def test_under_load_it_hands_over_again_and_again_and_nothing_is_read_twice(
    stages: Stages, long: bool
) -> None:
    async with stages.open(SLICE_RECORDS="200") as stage:
        for _ in range(20 if long else 2):
            await stage.judge.look()
            left = stage.load.acknowledged - stage.judge.folded
            await stage.play(
                [start(), drain(), reads(left), begin(10_000_000, rate=2_000), folded(2_000)],
                judged=False,
            )
            await stage.play([sigterm(), enough()], judged=False)
        await stage.play([restart()])


async def test_without_redis_it_stops_in_time_and_the_next_one_publishes(
    stages: Stages, own_valkey: Valkey, long: bool
) -> None:
    for seed in stages.seeds(5 if long else 1):
        async with stages.open(seed=seed, valkey=own_valkey) as stage:
            frozen = [redis_pause(), feed(1_000), sigterm(), redis_resume()]
            await stage.play([start(), feed(1_000), drain(), *frozen], judged=False)
            await stage.play([start()])


async def test_without_a_broker_it_gives_up_in_time_and_has_committed_nothing_false(
    stages: Stages, tmp_path: Path, long: bool
) -> None:
    """It can't hand over what is in flight, so it ends as after a fault, and says so."""
    broker = Broker(tmp_path / "kafka")
    with broker.kafka:
        for seed in stages.seeds(5 if long else 1):
            async with stages.open(seed=seed, broker=broker, SLICE_RECORDS="50") as stage:
                await stage.play(
                    [start(), begin(10_000_000, rate=1_000), folded(1_000), kafka_kill()],
                    judged=False,
                )
                await stage.play(
                    [told_to_stop(), exits(1, within=WITHOUT_A_BROKER_SECONDS), kafka_start()],
                    judged=False,
                )
                await stage.play([restart(), folded(500), enough(), reread()])
