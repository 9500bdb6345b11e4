"""Redis comes and goes while traffic goes on: folding does not care, Redis ends up equal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stream_app.dev.ports import HOST, free_port
from stream_app.dev.valkey import Valkey
from tests.rig.proxy import bytes_proxy
from tests.rig.script import (
    Step,
    begin,
    drain,
    enough,
    feed,
    folded,
    metric,
    redis_flush,
    redis_kill,
    redis_pause,
    redis_resume,
    redis_start,
    sigterm,
    start,
)
from tests.rig.stage import Stages

pytestmark = pytest.mark.timeout(240)

DETECTED_SECONDS = 10.0


@pytest.fixture(scope="module")
def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server that these tests may freeze, kill and empty."""
    with Valkey(tmp_path_factory.mktemp("own-valkey")) as running:
        yield running


FROZEN = [redis_pause(), metric("ltv_redis_up", 0, within=DETECTED_SECONDS), folded(3_000)]
AWAY = [redis_kill(), metric("ltv_redis_up", 0, within=DETECTED_SECONDS), folded(3_000)]


@pytest.mark.parametrize(
    "fault",
    [
        [*FROZEN, redis_resume()],
        [*AWAY, redis_start()],
        [redis_flush(), folded(1_000), redis_flush()],
        [redis_flush(), *AWAY, redis_start(), folded(500), *FROZEN, redis_resume()],
    ],
    ids=["frozen", "killed and empty", "flushed", "one after the other"],
)
async def test_folding_goes_on_and_redis_catches_up(
    stages: Stages, own_valkey: Valkey, fault: list[Step]
) -> None:
    async with stages.open(valkey=own_valkey) as stage:
        await stage.play(
            [
                start(),
                feed(2_000),
                drain(),
                begin(1_000_000, rate=1_500),
                folded(500),
                *fault,
                folded(500),
                enough(),
            ]
        )
        assert stage.worker.exit_code is None
        assert stage.watcher.looks > 0
        assert stage.watcher.seen > 0


async def test_an_idle_worker_fills_an_emptied_redis_again(
    stages: Stages, own_valkey: Valkey
) -> None:
    """No event has to come first."""
    async with stages.open(valkey=own_valkey) as stage:
        await stage.play([start(), feed(2_000), drain(), redis_flush()])


async def test_a_worker_stops_in_time_without_redis_and_the_next_one_publishes(
    stages: Stages, own_valkey: Valkey
) -> None:
    async with stages.open(valkey=own_valkey) as stage:
        await stage.play(
            [start(), feed(1_000), drain(), redis_pause(), feed(1_000), sigterm(), redis_resume()],
            judged=False,
        )
        await stage.play([start()])


async def test_a_slow_redis_with_broken_connections_ends_up_equal(
    stages: Stages, shared_own_port: int
) -> None:
    upstream = f"{HOST}:{stages.valkey.port}"
    async with bytes_proxy(shared_own_port, upstream) as proxy:
        url = f"redis://{HOST}:{shared_own_port}/0"
        async with stages.open() as stage:
            proxy.delay_seconds = 0.05
            await stage.play(
                [start(REDIS_URL=url), begin(1_000_000, rate=1_500), folded(3_000)], judged=False
            )
            await proxy.break_all()
            await stage.play([folded(3_000)], judged=False)
            await proxy.break_all()
            await stage.play([folded(1_000), enough()])
            assert proxy.delayed > 10
            assert proxy.connections > 2


@pytest.fixture
def shared_own_port(tmp_path: Path) -> int:
    """A port for the proxy."""
    return free_port()
