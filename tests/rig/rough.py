"""Words for rough times: faults that strike whatever state a worker is in, and their mending.

The words of `script.py` demand that a fault finds what it needs, as the proof of one fault does.
These don't, so that any of them may follow or overlap any other; what did strike is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal

from stream_app.core.models.parameters import ModelParameters
from stream_app.jobs.models_topic import append_model
from stream_app.wire.models import parameters_to_json
from tests.rig.ground import Ground, act
from tests.rig.kafka_admin import delete_group, log_bounds, set_group_offsets
from tests.rig.proxy import ONWARDS, Rule, Trouble
from tests.rig.waiting import eventually

DEAD_PORT = "1"
"""Where no Redis is; a replica of that has no master."""

# -- time and load ---------------------------------------------------------------------------


@act
async def goes_on(ground: Ground, seconds: float) -> None:
    """Let things take their course under load."""
    await asyncio.sleep(seconds)


@act
async def settles(ground: Ground, seconds: float = 240.0) -> None:
    """Wait until everybody who should be running is ready."""

    async def ready() -> bool:
        return all([await one.answers_ready() for one in ground.crew.members])

    await eventually(ready, lambda: f"ready: {_words(ground)}", seconds)


def _words(ground: Ground) -> str:
    return "\n".join(one.last_words for one in ground.crew.members)


# -- workers ---------------------------------------------------------------------------------


@act
async def joins(ground: Ground, name: str, failpoint: str = "") -> None:
    """One more worker, perhaps one with a failpoint armed."""
    ground.crew.join(name, **({"FAILPOINT": failpoint} if failpoint else {}))


@act
async def leaves(ground: Ground, name: str) -> None:
    """SIGTERM, and nobody takes its place."""
    await ground.crew.stop(name)


@act
async def is_renewed(ground: Ground, name: str, failpoint: str = "") -> None:
    """SIGTERM and a start, as in a roll-out."""
    await ground.crew.stop(name)
    ground.crew.join(name, **({"FAILPOINT": failpoint} if failpoint else {}))


@act
async def dies(ground: Ground, *names: str) -> None:
    """SIGKILL, all at once; the supervisor starts them again."""
    for name in names:
        ground.stage.workers[name].signal(signal.SIGKILL)


@act
async def is_lost(ground: Ground, name: str) -> None:
    """SIGKILL, and nobody takes its place."""
    ground.crew.dismiss(name).signal(signal.SIGKILL)


@act
async def freezes(ground: Ground, *names: str) -> None:
    """SIGSTOP."""
    for name in names:
        ground.stage.workers[name].signal(signal.SIGSTOP)


@act
async def wakes(ground: Ground, *names: str) -> None:
    """SIGCONT, whoever or whatever froze it."""
    for name in names:
        ground.stage.workers[name].signal(signal.SIGCONT)


@act
async def group_moves(ground: Ground, to: str, *names: str) -> None:
    """Stop these workers, who are all; move the group's offsets or delete it; start them again.

    ``to``: earliest, latest, beyond (1,000 further) or gone.
    """
    for name in names:
        await ground.crew.stop(name)
    settings = ground.stage.settings
    if to == "gone":
        await delete_group(settings)
    else:
        bounds = await log_bounds(settings)
        await set_group_offsets(settings, {place: _at(to, *bounds[place]) for place in bounds})
    for name in names:
        ground.crew.join(name)


def _at(to: str, start: int, end: int) -> int:
    return {"earliest": start, "latest": end, "beyond": end + 1_000}[to]


# -- Kafka -----------------------------------------------------------------------------------


@act
async def trouble(
    ground: Ground,
    api: int,
    name: str,
    topic: str = "",
    times: int = ONWARDS,
    seconds: float = 0.0,
    code: int = 0,
) -> None:
    """From now on, trouble between the workers and Kafka; ``topic``: changelog, letters or all."""
    settings = ground.stage.settings
    topics = {"changelog": settings.changelog_topic, "letters": settings.topic_dead_letters}
    rule = Rule(api, Trouble[name], topics.get(topic, ""), times=times, seconds=seconds, code=code)
    ground.rules.append(ground.kafka_proxy.add(rule))


@act
async def calm(ground: Ground) -> None:
    """No more trouble between the workers and Kafka."""
    ground.kafka_proxy.rules.clear()


@act
async def kafka_unreachable(ground: Ground) -> None:
    """The network between the workers and Kafka is gone; the shop still reaches Kafka."""
    await ground.aside.do(ground.kafka_proxy.stop())


@act
async def kafka_reachable(ground: Ground) -> None:
    """The network is back."""
    await ground.aside.do(ground.kafka_proxy.start())


@act
async def kafka_pause(ground: Ground) -> None:
    """Freeze the broker with its connections open."""
    ground.stage.broker.kafka.pause()


@act
async def kafka_resume(ground: Ground) -> None:
    """Let it go on."""
    ground.stage.broker.kafka.resume()


@act
async def model(ground: Ground, number: int) -> None:
    """Publish another model; r makes its scores others."""
    settings = ground.stage.settings
    ground.model = f"chaos-{number}"
    parameters = ModelParameters(
        id=ground.model, kind="mbg", currency=settings.currency, time_zone=settings.time_zone,
        r=0.4 + 0.1 * number, alpha=7.0, a=0.8, b=2.4, p=6.2, q=3.7, gamma=15.4,
    )  # fmt: skip
    await append_model(settings, ground.model, parameters_to_json(parameters))


# -- Redis -----------------------------------------------------------------------------------


@act
async def redis_slow(ground: Ground, seconds: float) -> None:
    """Every answer to the workers comes so much later; 0 ends it."""
    ground.redis_proxy.delay_seconds = seconds


@act
async def redis_resets(ground: Ground) -> None:
    """Reset every connection of the workers to Redis."""
    await ground.aside.do(ground.redis_proxy.break_all())


@act
async def redis_unreachable(ground: Ground) -> None:
    """The network between the workers and Redis is gone."""
    await ground.aside.do(ground.redis_proxy.stop())


@act
async def redis_reachable(ground: Ground) -> None:
    """The network is back."""
    await ground.aside.do(ground.redis_proxy.start())


@act
async def redis_snapshot(ground: Ground) -> None:
    """Keep what Redis holds now."""
    await asyncio.to_thread(ground.stage.store.save)
    dump = ground.stage.valkey.directory / "dump.rdb"
    await asyncio.to_thread(shutil.move, dump, ground.snapshot)


@act
async def redis_restored(ground: Ground) -> None:
    """Kill Redis and start it on the snapshot."""
    valkey = ground.stage.valkey
    valkey.kill()
    ground.stage.watcher.forget()
    dump = valkey.directory / "dump.rdb"
    await asyncio.to_thread(shutil.copy, ground.snapshot, dump)
    await asyncio.to_thread(valkey.start)
    dump.unlink()


@act
async def redis_full(ground: Ground) -> None:
    """No more memory: every write is refused."""
    await asyncio.to_thread(ground.stage.store.config_set, "maxmemory", "1mb")


@act
async def redis_roomy(ground: Ground) -> None:
    """Room again."""
    await asyncio.to_thread(ground.stage.store.config_set, "maxmemory", "0")


@act
async def redis_read_only(ground: Ground) -> None:
    """It is a replica now, as after a fail-over that the workers did not hear of."""
    await asyncio.to_thread(ground.stage.store.replicaof, "127.0.0.1", DEAD_PORT)


@act
async def redis_writable(ground: Ground) -> None:
    """It is a master again."""
    await asyncio.to_thread(ground.stage.store.replicaof, "NO", "ONE")


# -- the end ---------------------------------------------------------------------------------


@act
async def heal(ground: Ground) -> None:
    """End every fault that may still be on, whatever the script had forgotten."""
    ground.kafka_proxy.rules.clear()
    ground.redis_proxy.delay_seconds = 0.0
    ground.crew.thawing = True
    stage = ground.stage
    for server in (stage.broker.kafka, stage.valkey):
        if server.alive():
            server.resume()
        else:
            await asyncio.to_thread(server.start)
    with contextlib.suppress(OSError):  # it listens: nothing was cut
        await ground.aside.do(ground.kafka_proxy.start())
    with contextlib.suppress(OSError):
        await ground.aside.do(ground.redis_proxy.start())
    await asyncio.to_thread(stage.store.config_set, "maxmemory", "0")
    await asyncio.to_thread(stage.store.replicaof, "NO", "ONE")
