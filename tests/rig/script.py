"""The words of which scripts are made: each a value that acts on a stage when its turn comes.

    await stage.play([start(), begin(20_000), kill9(after=5_000), restart(), end()])

A step's text is the call that made it, so that a failing script can be read and typed again.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import wraps
from itertools import chain
from typing import Concatenate, ParamSpec

from tests.rig.stage import Stage
from tests.rig.waiting import PATIENCE_SECONDS, eventually
from tests.rig.worker import Worker

Given = ParamSpec("Given")


@dataclass(frozen=True)
class Step:
    """One thing that happens."""

    words: str
    act: Callable[[Stage], Awaitable[None]] = field(repr=False)

    def __str__(self) -> str:
        return self.words


def step(
    act: Callable[Concatenate[Stage, Given], Awaitable[None]],
) -> Callable[Given, Step]:
    """Make a function that acts into one that gives the step."""

    @wraps(act)
    def made(*args: Given.args, **named: Given.kwargs) -> Step:
        given = [*map(repr, args), *(f"{name}={value!r}" for name, value in named.items())]
        return Step(f"{act.__name__}({', '.join(given)})", lambda stage: act(stage, *args, **named))

    return made


# -- load ------------------------------------------------------------------------------------


@step
async def feed(stage: Stage, records: int) -> None:
    """Send so many records; all are acknowledged by the broker after."""
    await stage.load.feed(records)


@step
async def begin(stage: Stage, records: int, rate: float = 0.0) -> None:
    """Begin to send; the next steps happen meanwhile."""
    assert stage.background is None, "one load at a time: end() comes first"
    stage.background = asyncio.ensure_future(stage.load.feed(records, rate))


@step
async def enough(stage: Stage) -> None:
    """Stop sending; what is on its way is still acknowledged."""
    assert stage.background is not None
    stage.load.stopping = True
    await stage.background
    stage.load.stopping = False
    stage.background = None


@step
async def end(stage: Stage) -> None:
    """Wait until all is sent that `begin` promised."""
    assert stage.background is not None
    await stage.background
    stage.background = None


@step
async def reread(stage: Stage) -> None:
    """Enter in the ledger what the load sent a second time while the broker was away."""
    await stage.judge.reread()


@step
async def drain(stage: Stage) -> None:
    """Wait until all that was sent is in the state and in Redis."""
    await stage.drain()


@step
async def folded(stage: Stage, records: int) -> None:
    """Wait until the state holds so many more records than now."""
    await stage.judge.look()
    goal = stage.judge.folded + records

    async def reached() -> bool:
        await stage.judge.look()
        if stage.judge.folded >= goal:
            return True
        stage.demand_worker()
        return False

    await eventually(reached, lambda: f"{goal} folded, not {stage.judge.folded}")


# -- workers ---------------------------------------------------------------------------------


@step
async def launch(stage: Stage, /, name: str = "worker", **settings: str) -> None:
    """Start a worker and go on at once."""
    stage.launch(name, **settings)


@step
async def start(stage: Stage, /, name: str = "worker", **settings: str) -> None:
    """Start a worker, and wait until it is ready."""
    await stage.launch(name, **settings).wait_ready()


@step
async def restart(stage: Stage, /, name: str = "worker", **settings: str) -> None:
    """Start a worker that ended again, and wait until it is ready."""
    assert stage.workers[name].exit_code is not None, f"{name} still runs"
    await stage.launch(name, **settings).wait_ready()


@step
async def ready(stage: Stage, name: str = "worker", seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a worker is ready; one that is kept running may end with 1 and come again."""
    if name not in stage.supervisors:
        await stage.workers[name].wait_ready(seconds)
        return
    await eventually(
        lambda: stage.workers[name].answers_ready(),
        lambda: f"{name} ready. {stage.workers[name].last_words}",
        seconds,
    )


@step
async def kill9(stage: Stage, name: str = "worker", after: int = 0) -> None:
    """SIGKILL a worker at a random moment before it has folded ``after`` records more."""
    worker = stage.workers[name]
    if after:
        goal = await worker.total("ltv_events_total") + stage.random.randrange(1, after)
        await _folds(worker, goal)
    worker.kill()


@step
async def sigterm(stage: Stage, name: str = "worker", within: float = 10.0) -> None:
    """Ask a worker to stop: it ends with 0, in time."""
    worker = stage.workers[name]
    began = time.monotonic()
    worker.signal(signal.SIGTERM)
    code = await worker.exited()
    assert code == 0, f"{name} ended with {code}. {worker.last_words}"
    took = time.monotonic() - began
    assert took <= within, f"{name} took {took:.1f} s to stop. {worker.last_words}"


@step
async def told_to_stop(stage: Stage, name: str = "worker") -> None:
    """Ask a worker to stop, and go on at once."""
    stage.workers[name].signal(signal.SIGTERM)


@step
async def sigstop(stage: Stage, name: str = "worker") -> None:
    """Freeze a worker."""
    stage.workers[name].signal(signal.SIGSTOP)
    await stage.workers[name].stopped_itself()


@step
async def sigcont(stage: Stage, name: str = "worker") -> None:
    """Let a frozen worker go on."""
    stage.workers[name].signal(signal.SIGCONT)


@step
async def dies_at(stage: Stage, failpoint: str, name: str = "worker") -> None:
    """Wait until a failpoint has killed a worker; it must have been that failpoint."""
    worker = stage.workers[name]
    code = await worker.exited()
    assert code == -signal.SIGKILL, f"{name} ended with {code}. {worker.last_words}"
    assert worker.struck(failpoint), f"{failpoint} did not strike. {worker.last_words}"


@step
async def freezes_at(stage: Stage, failpoint: str, name: str = "worker") -> None:
    """Wait until a failpoint has frozen a worker."""
    worker = stage.workers[name]
    await worker.stopped_itself()
    assert worker.struck(failpoint), f"{failpoint} did not strike. {worker.last_words}"


@step
async def keep_running(stage: Stage, name: str = "worker") -> None:
    """From now on start the worker again whenever it ends with 1, as a supervisor would."""
    stage.supervise(name)


@step
async def reads(stage: Stage, records: int, name: str = "worker") -> None:
    """What a worker has read since its start is so many records, no more."""
    found = await stage.workers[name].total("ltv_events_total")
    assert found == records, f"{name} read {found:g} records, not {records}"


@step
async def metric(
    stage: Stage, metric_name: str, value: float, within: float, name: str = "worker"
) -> None:
    """Wait until a worker shows this value of a metric, summed over its labels."""
    worker = stage.workers[name]

    async def shown() -> bool:
        return await worker.total(metric_name) == value

    await eventually(shown, f"{name} shows {metric_name} {value:g}", within)


@step
async def settles(stage: Stage, name: str) -> None:
    """Wait until a worker that was woken knows what it is: a member again, or ended with 1."""
    worker = stage.workers[name]
    others = [one for one in stage.workers.values() if one is not worker]

    async def settled() -> bool:
        if worker.exit_code is not None:
            assert worker.exit_code == 1, f"{name}: {worker.exit_code}. {worker.last_words}"
            return True
        held = list(chain(*[await one.owns() for one in (worker, *others)]))
        return len(set(held)) == len(held) and await worker.answers_ready()

    await eventually(settled, lambda: f"{name} settles. {worker.last_words}")


@step
async def exits(stage: Stage, code: int, name: str = "worker", within: float = 30.0) -> None:
    """Wait until a worker ends by itself, with this code, in time."""
    worker = stage.workers[name]
    found = await worker.exited(within)
    assert found == code, f"{name} ended with {found}. {worker.last_words}"


@step
async def owns(stage: Stage, partitions: int, *names: str, within: float) -> None:
    """Wait until these workers together hold so many partitions, none of them twice."""

    async def held() -> bool:
        found = [await stage.workers[name].owns() for name in names]
        return all(found) and sorted(chain(*found)) == list(range(partitions))

    await eventually(held, f"{names} hold {partitions} partitions", within)


async def _folds(worker: Worker, goal: float) -> None:
    async def reached() -> bool:
        assert worker.exit_code is None, f"{worker.name} ended. {worker.last_words}"
        return await worker.total("ltv_events_total") >= goal

    await eventually(
        reached, lambda: f"{worker.name} has folded {goal:g} records. {worker.last_words}"
    )


# -- servers ---------------------------------------------------------------------------------


@step
async def redis_pause(stage: Stage) -> None:
    """Freeze Redis with its connections open."""
    stage.valkey.pause()


@step
async def redis_resume(stage: Stage) -> None:
    """Let it go on."""
    stage.valkey.resume()


@step
async def redis_kill(stage: Stage) -> None:
    """Kill Redis; what it held is gone."""
    stage.valkey.kill()


@step
async def redis_start(stage: Stage) -> None:
    """Start it again, empty."""
    await asyncio.to_thread(stage.valkey.start)


@step
async def redis_flush(stage: Stage) -> None:
    """Empty it."""
    await asyncio.to_thread(stage.store.flushall)


@step
async def kafka_kill(stage: Stage) -> None:
    """Kill the broker."""
    stage.broker.kafka.kill()


@step
async def kafka_start(stage: Stage) -> None:
    """Start it again, on its data."""
    await asyncio.to_thread(stage.broker.kafka.start)
