"""A long run in which something breaks every other minute; at every truce all must be equal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stream_app.dev.valkey import Valkey
from tests.generate import Shape
from tests.rig.outages import kafka_pause, kafka_resume, lasts, resident_mb
from tests.rig.script import (
    Step,
    begin,
    enough,
    folded,
    kafka_kill,
    kafka_start,
    keep_running,
    kill9,
    ready,
    redis_flush,
    redis_kill,
    redis_pause,
    redis_resume,
    redis_start,
    reread,
    settles,
    sigcont,
    sigstop,
    start,
)
from tests.rig.servers import Broker
from tests.rig.stage import Stages

pytestmark = pytest.mark.timeout(240)

LONG_SECONDS = 20 * 60
GAP_SECONDS = (60.0, 180.0)
FLAT_MB = 48.0
"""What a worker may hold more at the end than at the first truce: customers come, and fragments."""
WORKERS = ("a", "b")


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """One to be killed."""
    broker = Broker(tmp_path / "kafka")
    with broker.kafka:
        yield broker


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """One to be killed and emptied."""
    with Valkey(tmp_path / "valkey") as valkey:
        yield valkey


BREAK: dict[str, Callable[[str], list[Step]]] = {
    "a worker is killed": lambda who: [kill9(who)],
    "Redis is emptied": lambda who: [redis_flush()],
    "the broker is killed": lambda who: [kafka_kill(), lasts(3.0), kafka_start()],
    "a worker sleeps": lambda who: [sigstop(who), lasts(6.0), sigcont(who), settles(who)],
    "Redis is killed": lambda who: [redis_kill(), lasts(3.0), redis_start()],
    "Redis freezes": lambda who: [redis_pause(), lasts(8.0), redis_resume()],
    "the broker freezes": lambda who: [kafka_pause(), lasts(6.0), kafka_resume()],
}
"""What may happen, to one of the workers where it is one of them."""


@pytest.mark.fault("F23")
async def test_whatever_breaks_in_a_long_run_every_truce_finds_all_equal_and_memory_flat(
    stages: Stages, own_broker: Broker, own_valkey: Valkey, long: bool
) -> None:
    """In the short form three faults close together, and one truce."""
    shape = Shape(seed=stages.seed, customers=5_000, records=100_000_000)
    began = time.monotonic()
    resident: list[float] = []
    async with stages.open(shape, broker=own_broker, valkey=own_valkey) as stage:
        await stage.play(
            [*(start(name) for name in WORKERS), *(keep_running(name) for name in WORKERS)],
            judged=False,
        )
        while not resident or (long and time.monotonic() - began < LONG_SECONDS):
            broken = stage.random.sample(list(BREAK), 3) if long else list(BREAK)[:3]
            await stage.play([begin(100_000_000, rate=300), folded(300)], judged=False)
            for what in broken:
                pause = stage.random.uniform(*GAP_SECONDS) if long else 1.0
                await stage.play(
                    [
                        lasts(round(pause, 1)),
                        *BREAK[what](stage.random.choice(WORKERS)),
                        *(ready(name) for name in WORKERS),
                        folded(300),
                    ],
                    judged=False,
                )
            await stage.play([enough(), reread()])
            resident.append(max(resident_mb(stage, name) for name in WORKERS))
    assert max(resident) - resident[0] <= FLAT_MB, f"{resident} MB at the truces"
