"""Redis comes and goes while traffic goes on: folding does not care, Redis ends up equal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stream_app.dev.ports import HOST, free_port
from stream_app.dev.valkey import Valkey
from tests.rig.outages import (
    caught_up,
    lasts,
    published_again,
    redis_follows,
    redis_full,
    redis_leads,
    redis_roomy,
    redis_save,
    redis_start_old,
    resident_mb,
)
from tests.rig.proxy import bytes_proxy
from tests.rig.script import (
    Step,
    begin,
    drain,
    enough,
    feed,
    folded,
    kill9,
    metric,
    redis_flush,
    redis_kill,
    redis_pause,
    redis_resume,
    redis_start,
    start,
)
from tests.rig.stage import Stages
from tests.rig.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.timeout(240)

DETECTED_SECONDS = 10.0


@pytest.fixture(scope="module")
def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server that these tests may freeze, kill and empty."""
    with Valkey(tmp_path_factory.mktemp("own-valkey")) as running:
        yield running


@pytest.fixture(scope="module")
def empty_master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server with nothing in it, for another to follow."""
    with Valkey(tmp_path_factory.mktemp("empty-master")) as running:
        yield running


@pytest.fixture
def shared_own_port() -> int:
    """A port for the proxy."""
    return free_port()


SEEN = metric("ltv_redis_up", 0, within=DETECTED_SECONDS)
FILLED = published_again(within=DETECTED_SECONDS)


def _frozen(seconds: float, _: int) -> list[Step]:
    return [redis_pause(), SEEN, folded(3_000), lasts(seconds), redis_resume()]


def _killed_and_empty(seconds: float, _: int) -> list[Step]:
    return [redis_kill(), SEEN, folded(3_000), lasts(seconds), redis_start(), FILLED]


def _flushed(_seconds: float, _: int) -> list[Step]:
    return [redis_flush(), FILLED, folded(1_000), redis_flush(), FILLED]


def _old_snapshot(seconds: float, _: int) -> list[Step]:
    """It comes back with what it had three thousand events ago."""
    return [redis_save(), folded(3_000), redis_kill(), SEEN, lasts(seconds), redis_start_old()]


def _out_of_memory(seconds: float, _: int) -> list[Step]:
    """Its policy is noeviction, so it refuses what is written."""
    return [redis_full(), SEEN, folded(3_000), lasts(seconds), redis_roomy()]


def _read_only(seconds: float, master: int) -> list[Step]:
    """A replica of an empty master: it refuses what is written, and forgets what it had."""
    return [redis_follows(master), SEEN, folded(3_000), lasts(seconds), redis_leads(), FILLED]


def _one_after_the_other(seconds: float, master: int) -> list[Step]:
    return [
        redis_flush(),
        *_killed_and_empty(seconds, master),
        folded(500),
        *_frozen(seconds, master),
    ]


@pytest.mark.fault("F7")
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(_frozen, id="frozen"),
        pytest.param(_killed_and_empty, id="killed and empty"),
        pytest.param(_flushed, id="flushed"),
        pytest.param(_old_snapshot, id="an old snapshot"),
        pytest.param(_out_of_memory, id="out of memory"),
        pytest.param(_read_only, id="a read-only replica"),
        pytest.param(_one_after_the_other, id="one after the other"),
    ],
)
async def test_folding_goes_on_and_redis_catches_up(
    stages: Stages,
    own_valkey: Valkey,
    empty_master: Valkey,
    fault: Callable[[float, int], list[Step]],
    long: bool,
) -> None:
    """In the long form Redis is away for half a minute, and three times."""
    script = fault(30.0 if long else 0.0, empty_master.port)
    for seed in stages.seeds(3 if long else 1):
        async with stages.open(seed=seed, valkey=own_valkey) as stage:
            await stage.play(
                [
                    start(),
                    feed(2_000),
                    drain(),
                    begin(10_000_000, rate=1_500),
                    folded(500),
                    *script,
                    folded(500),
                    enough(),
                ]
            )
            assert stage.worker.exit_code is None
            assert stage.watcher.looks > 0
            assert stage.watcher.seen > 0


@pytest.mark.fault("F7")
async def test_a_killed_redis_that_kept_what_it_was_told_is_not_believed(
    stages: Stages, tmp_path: Path, long: bool
) -> None:
    """Its log of commands (appendonly) may lack the last second: another run, so another look."""
    options = {"appendonly": "yes", "appendfsync": "everysec"}
    with Valkey(tmp_path / "kept", options=options) as kept:
        async with stages.open(valkey=kept) as stage:
            away = 30.0 if long else 0.0
            killed = [redis_kill(), SEEN, lasts(away), redis_start_old(), folded(500)]
            await stage.play(
                [
                    start(),
                    begin(10_000_000, rate=1_500),
                    folded(2_000),
                    *killed * (5 if long else 1),
                    enough(),
                ]
            )
            assert stage.worker.exit_code is None


@pytest.mark.fault("F7")
async def test_an_idle_worker_fills_an_emptied_redis_again(
    stages: Stages, own_valkey: Valkey
) -> None:
    """No event has to come first."""
    async with stages.open(valkey=own_valkey) as stage:
        await stage.play([start(), feed(2_000), drain(), redis_flush(), FILLED])


CUSTOMERS = 300
"""As many as the log of a stage has: one version of each may have changed, and one look at each may
be due after a broken connection; no more can wait for Redis."""


@pytest.mark.fault("F8")
async def test_a_slow_redis_whose_connections_break_slows_no_folding(
    stages: Stages, shared_own_port: int, long: bool
) -> None:
    """Later and later, and one answer in a hundred breaks the connection."""
    upstream = f"{HOST}:{stages.valkey.port}"
    async with (
        bytes_proxy(shared_own_port, upstream, stages.seed) as proxy,
        stages.open(REDIS_URL=f"redis://{HOST}:{shared_own_port}/0") as stage,
    ):
        await stage.play(
            [start(), begin(10_000_000, rate=1_500), folded(1_500), caught_up(within=5.0)],
            judged=False,
        )
        before = resident_mb(stage)
        proxy.reset_share = 0.01
        for delay in (0.005, 0.05, 0.2):
            proxy.delay_seconds = delay
            for _ in range(20 if long else 1):
                # As many as come: what was sent by now is in the state a moment later.
                await stage.play([folded(3_000), caught_up(within=5.0)], judged=False)
                waiting = await stage.worker.total("ltv_publish_backlog_customers")
                assert waiting <= 2 * CUSTOMERS, f"{waiting:g} customers wait for Redis"
        await proxy.break_all()
        await stage.play([folded(1_500)], judged=False)
        assert resident_mb(stage) - before < 64.0
        proxy.delay_seconds = proxy.reset_share = 0.0
        await stage.play([enough()])
        assert proxy.delayed > 10
        assert proxy.connections > 2
        assert stage.worker.exit_code is None


@pytest.mark.fault("F8")
async def test_a_backlog_is_folded_as_fast_beside_a_slow_redis(
    stages: Stages, shared_own_port: int, long: bool
) -> None:
    """A fold that waited for Redis once a slice would take twenty seconds at the least."""
    records = 50_000 if long else 5_000
    upstream = f"{HOST}:{stages.valkey.port}"
    async with (
        bytes_proxy(shared_own_port, upstream, stages.seed) as proxy,
        stages.open(REDIS_URL=f"redis://{HOST}:{shared_own_port}/0", SLICE_RECORDS="50") as stage,
    ):
        took: list[float] = []
        for delay in (0.0, 0.2):
            proxy.delay_seconds = delay
            await stage.play([feed(records), start()], judged=False)
            began = time.monotonic()
            await stage.judge.drained(2 * PATIENCE_SECONDS, stage.demand_worker)
            took.append(time.monotonic() - began)
            await stage.play([kill9()], judged=False)
        assert took[1] <= 2 * took[0] + 5.0, f"{took} s without and with a delay of every answer"
        proxy.delay_seconds = 0.0
        await stage.play([start()])
