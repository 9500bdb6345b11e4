"""What a script acts on: one test's topics, keys, workers, load and judge.

Kafka and Valkey are shared by a session's tests, so each has names of its own and nothing global
is flushed.  A test that kills or empties a server brings one along.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import redis

from stream_app.dev.valkey import Valkey
from stream_app.settings import load as load_settings
from tests.core.naive_decoder import RawRecord
from tests.generate import Shape, generate
from tests.ledger import Ledger
from tests.rig.account import Run
from tests.rig.judge import Judge
from tests.rig.kafka_admin import make_topics
from tests.rig.load import Load
from tests.rig.pulse import Pulse
from tests.rig.servers import Broker
from tests.rig.verdict import Verdict
from tests.rig.waiting import PATIENCE_SECONDS
from tests.rig.watcher import Watcher
from tests.rig.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.rig.script import Step

SESSION_SECONDS = 3
"""LTV_SESSION_SECONDS of the workers, unless a test says otherwise."""
WATCHED = 40
"""Customers whose hashes are looked at all the time."""


class Stage:
    """See the module; made by `Stages.open`."""

    def __init__(
        self,
        broker: Broker,
        valkey: Valkey,
        directory: Path,
        seed: int,
        shape: Shape,
        settings: Mapping[str, str],
        log: Iterator[RawRecord] | None,
    ) -> None:
        self.broker, self.valkey, self.seed = broker, valkey, seed
        self.random = random.Random(seed)
        name = f"t{secrets.token_hex(4)}"
        self.directory = directory / name
        self.directory.mkdir()
        self.variables: dict[str, str] = {
            "BROKERS": broker.direct,
            "REDIS_URL": valkey.url,
            "APP_ID": name,
            "KEY_PREFIX": f"{name}:",
            "PARTITIONS": "4",
            "TOPIC_PURCHASES": f"{name}-purchases",
            "TOPIC_SIGNUPS": f"{name}-signups",
            "TOPIC_ACTIVITY": f"{name}-activity",
            "TOPIC_MODELS": f"{name}-models",
            "TOPIC_DEAD_LETTERS": f"{name}-dead-letters",
            "SESSION_SECONDS": str(SESSION_SECONDS),
            "IDLE_CHECK": "0.5",
            **settings,
        }
        self.settings = load_settings(
            {f"LTV_{k}": v for k, v in self.variables.items()} | {"LTV_BROKERS": broker.direct}
        )
        self.ledger = Ledger(
            currency=self.settings.currency,
            time_zone=self.settings.time_zone,
            partitions=self.settings.partitions,
        )
        self.judge = Judge(self.settings, self.ledger)
        self.log = log if log is not None else generate(shape)
        self.load: Load
        self.store: redis.Redis
        self.watcher: Watcher
        self.workers: dict[str, Worker] = {}
        self.ended: list[Worker] = []
        self.told: list[str] = []
        """The steps taken, with their durations."""
        self.background: asyncio.Task[None] | None = None
        self.supervisors: dict[str, asyncio.Task[None]] = {}
        self.pulse = Pulse(self.judge.views, self.judge.moved_to, self._is_waiting)
        self.verdict: Verdict | None = None
        """The last that was given."""
        self.repeat = ""
        """The command that plays this again."""

    @property
    def worker(self) -> Worker:
        """The only worker there is."""
        (only,) = self.workers.values()
        return only

    def launch(self, name: str = "worker", **settings: str) -> Worker:
        """Start a worker; one of that name must have ended before."""
        before = self.workers.get(name)
        if before is not None:
            assert before.exit_code is not None, f"{name} still runs"
            self.ended.append(before)
        number = len(self.ended) + len(self.workers)
        # A test may open several stages in one directory, and a worker's address is in its log.
        log = self.directory / f"{self.settings.app_id}-{name}-{number}.log"
        self.workers[name] = Worker(name, {**self.variables, **settings}, log)
        return self.workers[name]

    def supervise(self, name: str) -> None:
        """From now on start the worker again when it ends with 1 or the script has killed it."""
        self.supervisors[name] = asyncio.ensure_future(self._supervise(name))

    async def _supervise(self, name: str) -> None:
        while True:
            worker = self.workers[name]
            if worker.exit_code is not None:
                code = -signal.SIGKILL if worker.was_killed else 1
                assert worker.exit_code == code, f"{name} ended with {worker.exit_code}"
                self.launch(name)
            await asyncio.sleep(0.1)

    async def play(self, script: Sequence[Step], *, judged: bool = True) -> None:
        """Act step by step, then drain and judge; what fails says how to repeat it."""
        done = 0
        clock = asyncio.get_running_loop().time
        self.told += ["", f"{self.directory.parent.name}, seed {self.seed}:"]
        try:
            for step in script:
                began = clock()
                await step.act(self)
                self.told.append(f"{clock() - began:7.2f} s  {step}")
                done += 1
            if judged:
                await self.judged()
        except BaseException as error:
            told = [f"    {'->' if i == done else '  '} {one}" for i, one in enumerate(script)]
            error.add_note("\n".join([f"seed={self.seed}, script:", *told]))
            error.add_note(f"To repeat it: {self.repeat}")
            for worker in self.workers.values():
                error.add_note(f"{worker.name}: exit code {worker.exit_code}. {worker.last_words}")
            raise

    def demand_worker(self) -> None:
        """AssertionError when nobody is there who could do the work that is waited for."""
        if not self.supervisors and all(one.exit_code is not None for one in self.workers.values()):
            raise AssertionError("every worker has ended")

    def unforeseen(self) -> list[str]:
        """Ends of workers for which there was no sentence, only a traceback."""
        return [
            str(line["exception"])
            for worker in [*self.workers.values(), *self.ended]
            for line in worker.lines()
            if "exit_code" in line and "exception" in line
        ]

    def _is_waiting(self, number: int) -> bool:
        """Whether a record was sent to this partition that its state does not hold yet."""
        return self.load.outstanding[number] > 0 or any(
            self.judge.position(role, number) < end
            for (role, place), end in self.load.ends.items()
            if place == number
        )

    def run(self) -> Run:
        """What it came to, for the table."""
        verdict = self.verdict or Verdict()
        return Run(
            seed=self.seed,
            events=len(self.ledger.records),
            customers=verdict.customers,
            lost=verdict.lost,
            double=verdict.double,
            unavailable_seconds=self.pulse.longest_seconds,
        )

    async def drain(self, seconds: float = 2 * PATIENCE_SECONDS) -> None:
        """Wait until all that was acknowledged is in the state, and in Redis."""
        await self.judge.drained(seconds, self.demand_worker)
        await self.judge.published(self.store, seconds, self.demand_worker)

    async def judged(self) -> Verdict:
        """Drain and judge; AssertionError unless nothing was lost, doubled or differs."""
        if self.background is not None:
            await self.background
        await self.drain()
        for supervisor in self.supervisors.values():
            if supervisor.done():
                supervisor.result()
        verdict = self.verdict = await self.judge.judge(self.store)
        assert verdict.clean, str(verdict)
        assert not self.watcher.regressions, self.watcher.regressions[:5]
        assert not (tracebacks := self.unforeseen()), tracebacks[0]
        for worker in self.workers.values():
            if worker.exit_code is None:
                assert await worker.total("ltv_state_imbalance_minor") == 0
                assert await worker.total("ltv_cohort_imbalance_minor") == 0
        return verdict


class Stages:
    """Opens stages for one test."""

    def __init__(
        self,
        broker: Broker,
        valkey: Valkey,
        directory: Path,
        seed: int,
        node: str = "",
        account: Callable[[Run], None] = lambda run: None,
    ) -> None:
        """``node`` is pytest's name of the test, ``account`` is told what each stage came to."""
        self.broker, self.valkey = broker, valkey
        self.directory = directory
        self.seed = seed
        self._node = node
        self._account = account

    def seeds(self, count: int) -> range:
        """So many seeds, the session's first."""
        return range(self.seed, self.seed + count)

    def repeat(self, seed: int) -> str:
        """The command that runs this test again, and first with this seed."""
        long = "LONG=1 " if "LONG" in os.environ else ""
        return f"SEED={seed} {long}.venv/bin/python -m pytest '{self._node}'"

    @asynccontextmanager
    async def open(
        self,
        shape: Shape | None = None,
        *,
        broker: Broker | None = None,
        valkey: Valkey | None = None,
        log: Iterator[RawRecord] | None = None,
        topics: bool = True,
        seed: int | None = None,
        **settings: str,
    ) -> AsyncIterator[Stage]:
        """A stage with topics made, load and judge connected; all of it is gone after.

        A ``log`` of one's own keeps its timestamps; else records of ``shape`` are stamped with now.
        """
        seed = self.seed if seed is None else seed
        shape = shape or Shape(seed=seed, customers=300, records=1_000_000)
        stage = Stage(
            broker or self.broker,
            valkey or self.valkey,
            self.directory,
            seed,
            shape,
            settings,
            log,
        )
        stage.repeat = self.repeat(seed)
        async with AsyncExitStack() as held:
            if topics:
                await make_topics(stage.settings)
            stage.store = held.enter_context(redis.Redis.from_url(stage.valkey.url))
            names = dict(
                zip(("purchases", "signups", "activity"), stage.settings.source_topics, strict=True)
            )
            stage.load = await held.enter_async_context(
                Load.open(
                    stage.broker.direct, names, stage.ledger, stage.log, stamped_now=log is None
                )
            )
            held.push_async_callback(stage.judge.stop)
            await stage.judge.start()
            watched = [f"{shape.prefix}-{number}" for number in range(WATCHED)]
            stage.watcher = held.enter_context(
                Watcher(stage.valkey.url, stage.judge.key_of, watched)
            )
            held.push_async_callback(stage.pulse.stop)
            stage.pulse.start(stage.judge.look)
            held.callback(_end_all, stage)
            try:
                yield stage
            finally:
                self._account(stage.run())


def _end_all(stage: Stage) -> None:
    for supervisor in stage.supervisors.values():
        supervisor.cancel()
    for worker in [*stage.workers.values(), *stage.ended]:
        worker.end()
    if stage.background is not None:
        stage.background.cancel()
    if "RIG_TELLS" in os.environ:
        sys.stderr.write("\n".join([*stage.told, ""]))
