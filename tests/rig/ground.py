"""A stage whose workers come to Kafka and Redis through proxies, and live under a supervisor."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

from stream_app.dev.ports import HOST, free_port
from stream_app.dev.valkey import Valkey
from tests.generate import Shape
from tests.rig.aside import Aside, aside
from tests.rig.crew import Crew
from tests.rig.meter import Meter
from tests.rig.proxy import BytesProxy, KafkaProxy, Rule
from tests.rig.script import Step
from tests.rig.servers import Broker
from tests.rig.stage import Stage, Stages

Given = ParamSpec("Given")


@dataclass
class Ground:
    """What rough words act on."""

    stage: Stage
    crew: Crew
    meter: Meter
    kafka_proxy: KafkaProxy
    redis_proxy: BytesProxy
    aside: Aside
    """Where the proxies live."""
    rules: list[Rule] = field(default_factory=list)
    """Every rule that was ever in force."""
    model: str | None = None
    """Id of the model that was published last."""

    @property
    def snapshot(self) -> Path:
        """Where an old state of Redis is kept."""
        return self.stage.directory / "snapshot.rdb"


@dataclass(frozen=True)
class Act:
    """One thing that happens; its text is the call that made it."""

    words: str
    act: Callable[[Ground], Awaitable[None]] = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self.words


def act(
    does: Callable[Concatenate[Ground, Given], Awaitable[None]],
) -> Callable[Given, Act]:
    """Make a function that acts into one that gives the act."""

    @wraps(does)
    def made(*args: Given.args, **named: Given.kwargs) -> Act:
        given = [*map(repr, args), *(f"{name}={value!r}" for name, value in named.items())]
        text = f"{does.__name__}({', '.join(given)})"
        return Act(text, lambda ground: does(ground, *args, **named))

    return made


def on_stage(step: Step) -> Act:
    """A step of an ordinary script."""
    return Act(step.words, lambda ground: step.act(ground.stage))


@asynccontextmanager
async def open_ground(
    directory: Path, seed: int, shape: Shape, settings: dict[str, str], pause_seconds: float
) -> AsyncIterator[Ground]:
    """A Kafka and a Valkey of its own, proxies, a stage; all of it is gone after."""
    broker, valkey = Broker(directory / "kafka"), Valkey(directory / "valkey")
    async with AsyncExitStack() as held:
        held.enter_context(broker.kafka)
        held.enter_context(valkey)
        there = await held.enter_async_context(aside())
        kafka = KafkaProxy(broker.proxy_port, broker.behind_proxy)
        redis = BytesProxy(free_port(), f"{HOST}:{valkey.port}")
        for proxy in (kafka, redis):
            held.push_async_callback(_stop, there, proxy)
            await there.do(proxy.start())
        stages = Stages(broker, valkey, directory, seed)
        chosen: dict[str, Any] = dict(settings)
        stage = await held.enter_async_context(stages.open(shape, **chosen))
        stage.variables["BROKERS"] = broker.proxied
        stage.variables["REDIS_URL"] = f"redis://{HOST}:{redis.port}/0"
        held.callback(_bring_back, stage)
        ground = Ground(stage, Crew(stage, pause_seconds), Meter(stage), kafka, redis, there)
        stage.supervisors["crew"] = asyncio.ensure_future(ground.crew.watch())
        meter = asyncio.ensure_future(ground.meter.watch())
        try:
            yield ground
        finally:
            meter.cancel()
            await asyncio.gather(meter, return_exceptions=True)


async def _stop(there: Aside, proxy: KafkaProxy | BytesProxy) -> None:
    await there.do(proxy.stop())


def _bring_back(stage: Stage) -> None:
    """Clients can only say goodbye to servers that are there."""
    for server in (stage.broker.kafka, stage.valkey):
        if server.alive():
            server.resume()
        else:
            server.start()


def faults_of(rules: list[Rule]) -> Counter[str]:
    """How often each kind of trouble struck."""
    return Counter({rule.trouble.name.lower(): rule.struck for rule in rules if rule.struck})
