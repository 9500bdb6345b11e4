"""More words for scripts: servers that are frozen, full, read-only or old; what is seen of it."""

from __future__ import annotations

import asyncio
import contextlib
import time

import psutil
import redis

from tests.rig.script import step
from tests.rig.stage import Stage
from tests.rig.waiting import eventually


@step
async def lasts(stage: Stage, seconds: float) -> None:
    """The trouble goes on for so long: how long it takes is what the fault is about."""
    await asyncio.sleep(seconds)


@step
async def first_event(stage: Stage, within: float, name: str = "worker") -> None:
    """Wait until a worker has folded something, in time from its first line on.

    What comes before that line is the interpreter and its imports: two seconds, or as many as
    the neighbours of a busy machine leave for it.
    """
    worker = stage.workers[name]
    await eventually(lambda: worker.url is not None, lambda: f"{name} starts. {worker.last_words}")
    began = time.monotonic()

    async def folds() -> bool:
        assert worker.exit_code is None, f"{name} ended. {worker.last_words}"
        return await worker.total("ltv_events_total") > 0

    await eventually(folds, lambda: f"{name} folds. {worker.last_words}")
    took = time.monotonic() - began
    assert took <= within, f"{name} folded nothing for {took:.1f} s"


@step
async def memory(stage: Stage, at_most_mb: float, name: str = "worker") -> None:
    """What a worker holds resident now is bounded."""
    held = resident_mb(stage, name)
    assert held <= at_most_mb, f"{name} holds {held:.0f} MB"


def resident_mb(stage: Stage, name: str = "worker") -> float:
    """Resident memory of a worker."""
    resident: int = psutil.Process(stage.workers[name].pid).memory_info().rss
    return resident / 2**20


@step
async def caught_up(stage: Stage, within: float) -> None:
    """Wait until nothing that was acknowledged by now lies before the state, under load."""
    goal = dict(stage.load.ends)

    async def reached() -> bool:
        await stage.judge.look()
        stage.demand_worker()
        return all(stage.judge.position(*where) >= end for where, end in goal.items())

    await eventually(reached, "the state catches up", within)


# -- the broker ------------------------------------------------------------------------------


@step
async def kafka_pause(stage: Stage) -> None:
    """Freeze the broker with its connections open."""
    stage.broker.kafka.pause()


@step
async def kafka_resume(stage: Stage) -> None:
    """Let it go on."""
    stage.broker.kafka.resume()


# -- Redis -----------------------------------------------------------------------------------


@step
async def redis_save(stage: Stage) -> None:
    """Have Redis write its snapshot now: what it starts from the next time."""
    await asyncio.to_thread(stage.store.save)


@step
async def redis_start_old(stage: Stage) -> None:
    """Start it on its last snapshot or log: it goes back in time, and that is its own doing."""
    await asyncio.to_thread(stage.watcher.forget)
    await asyncio.to_thread(stage.valkey.start)


@step
async def redis_full(stage: Stage) -> None:
    """Leave Redis no memory: it takes no more writes."""
    await asyncio.to_thread(stage.store.config_set, "maxmemory", "1mb")


@step
async def redis_roomy(stage: Stage) -> None:
    """Give it memory again."""
    await asyncio.to_thread(stage.store.config_set, "maxmemory", "0")


@step
async def redis_follows(stage: Stage, port: int) -> None:
    """Make Redis the read-only replica of an empty master, as a failover may."""
    await asyncio.to_thread(stage.store.execute_command, "REPLICAOF", "127.0.0.1", port)


@step
async def redis_leads(stage: Stage) -> None:
    """Make it a master again, with what it has by now."""
    await asyncio.to_thread(stage.store.execute_command, "REPLICAOF", "NO", "ONE")


@step
async def published_again(stage: Stage, within: float) -> None:
    """Wait until Redis, which was emptied, is told positions and scores again."""
    published = f"{stage.settings.key_prefix}published:{stage.settings.build}"
    customers = [stage.judge.key_of(f"c-{number}") for number in range(20)]

    def shown() -> bool:
        with contextlib.suppress(redis.RedisError, OSError):
            return bool(stage.store.exists(published) and stage.store.exists(*customers))
        return False

    await eventually(shown, "the emptied Redis is filled", within)
