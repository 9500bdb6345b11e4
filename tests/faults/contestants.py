"""Two workers that are put through the same faults: the textbook Faust app, and ours.

Each says of the same load how many events its state lacks and how many it has counted twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from aiokafka import TopicPartition

from stream_app.dev.child import Child
from stream_app.stores.log_reader import LogReader
from stream_app.stores.topics import admin_client
from tests.rig.stage import Stage
from tests.rig.waiting import eventually

SESSION_SECONDS = 10
"""Of both: long enough that a busy machine does not take a slow worker for a dead one."""
PATIENCE_SECONDS = 600.0
QUIET_SECONDS = 30.0
"""Without a commit or an append it has done what it will; once, somebody starts it again."""


class Found(NamedTuple):
    """What is wrong after everything has healed."""

    lost: int
    double: int
    note: str = ""


class Contestant(ABC):
    """A worker on a stage that comes through the proxy, and dies when told to."""

    title: str
    changelog: str
    """What stands in its requests to append to its changelog."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.deaths = 0

    @abstractmethod
    def launch(self) -> None:
        """Start it; the one before must be dead."""

    @abstractmethod
    def kill(self) -> None:
        """SIGKILL, at once."""

    @abstractmethod
    def is_alive(self) -> bool:
        """Whether it runs."""

    @abstractmethod
    async def found(self) -> Found:
        """Wait until all that was sent is worked off, and count."""

    def close(self) -> None:
        """Leave nothing running."""
        if self.is_alive():
            self.kill()

    def shot(self) -> None:
        """Kill it, where it is still alive."""
        if self.is_alive():
            self.deaths += 1
            self.kill()


class Ours(Contestant):
    """`ltv worker`, with the settings of every fault test."""

    title = "ours"

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.changelog = stage.settings.changelog_topic

    def launch(self) -> None:
        """Start it."""
        self.stage.launch(BROKERS=self.stage.broker.proxied)

    def kill(self) -> None:
        """SIGKILL."""
        self.stage.worker.kill()

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.stage.worker.exit_code is None

    async def found(self) -> Found:
        """By the judge of every fault test; what it finds beside lost and double is in the note."""
        await self.stage.drain(PATIENCE_SECONDS)
        verdict = await self.stage.judge.judge(self.stage.store)
        backwards = len(self.stage.watcher.regressions)
        wrong = len(verdict.differences) + backwards
        return Found(verdict.lost, verdict.double, f"{wrong} differences" if wrong else "")


class Textbook(Contestant):
    """tests/bench/textbook.py on the stage's topic of purchases, with a group of its own."""

    title = "textbook Faust"

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._name = f"{stage.settings.app_id}-textbook"
        self.changelog = f"{self._name}-orders-changelog"
        self._child: Child | None = None
        self._starts = 0
        self._again = 0
        self._behind = 0
        self._log = LogReader(stage.settings)

    def launch(self) -> None:
        """Start it."""
        settings, stage = self.stage.settings, self.stage
        self._starts += 1
        variables = {"NAME": self._name, "SESSION_SECONDS": str(SESSION_SECONDS), "EVENTS": "0"}
        self._child = Child(
            "textbook",
            [
                *("/usr/bin/env", *(f"{key}={value}" for key, value in variables.items())),
                *(sys.executable, "-m", "tests.bench.textbook", stage.broker.proxied),
                *(settings.redis_url, settings.topic_purchases, str(settings.partitions)),
            ],
            stage.directory / f"{self._name}-{self._starts}.log",
        )

    def kill(self) -> None:
        """SIGKILL."""
        assert self._child is not None
        self._child.kill()

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._child is not None and self._child.alive()

    async def found(self) -> Found:
        """By the last value of each customer's count in its changelog, and in Redis."""
        await self._log.start()
        try:
            await self._drained()
            await self._stopped()
            state = await self._state()
        finally:
            await self._log.stop()
        wanted = self._wanted()
        unlike = sum(self._shown(who) != state.get(who, 0) for who in wanted)
        notes = [f"Redis is not the state for {unlike} customers"] if unlike else []
        notes += [f"started again {self._again} times"] if self._again else []
        notes += [f"never commits the last {self._behind} events"] if self._behind else []
        return Found(_over(wanted, state), _over(state, wanted), ", ".join(notes))

    def _wanted(self) -> Counter[str]:
        """Orders by customer, from the ledger."""
        return Counter(str(one["customer_id"]) for one in self.stage.ledger.events())

    async def _drained(self) -> None:
        """It has committed the end of its topic, or comes no further.

        Some starts of it work everything off and never commit a thing: then nothing is missing,
        and nobody would start it again. Where something is missing somebody does, once.
        """
        topic, numbers = self.stage.settings.topic_purchases, range(self.stage.settings.partitions)
        ends = await self._log.ends([TopicPartition(topic, number) for number in numbers])
        seen: object = None
        since = time.monotonic()

        async def is_drained() -> bool:
            nonlocal seen, since
            committed = await self._committed()
            self._behind = sum(max(0, end - committed.get(at, 0)) for at, end in ends.items())
            if not self._behind:
                return True
            now = committed, await self._appended()
            if now != seen:
                seen, since = now, time.monotonic()
            if self.is_alive() and time.monotonic() - since < QUIET_SECONDS:
                return False
            missing = _over(self._wanted(), await self._state())
            if self.is_alive() and (self._again or not missing):
                return True
            self._again += 1
            self.kill()
            self.launch()
            since = time.monotonic()
            return False

        what = "the textbook app reaches the end of its topic"
        await eventually(is_drained, what, PATIENCE_SECONDS, every_seconds=0.5)

    async def _appended(self) -> int:
        """The end of its changelog."""
        numbers = range(self.stage.settings.partitions)
        places = [TopicPartition(self.changelog, number) for number in numbers]
        return sum((await self._log.ends(places)).values())

    async def _committed(self) -> dict[TopicPartition, int]:
        async with admin_client(self.stage.settings) as admin:
            found = await admin.list_consumer_group_offsets(self._name)
        return {place: each.offset for place, each in found.items() if each.offset >= 0}

    async def _stopped(self) -> None:
        """Ended in order, so that what it still holds back is sent; bounded."""
        child = self._child
        assert child is not None
        if child.alive():
            os.kill(child.pid, signal.SIGTERM)
        with contextlib.suppress(AssertionError):
            await eventually(lambda: not child.alive(), "it ends", seconds=30.0)
        child.kill()

    async def _state(self) -> dict[str, int]:
        numbers = range(self.stage.settings.partitions)
        places = [TopicPartition(self.changelog, number) for number in numbers]
        starts, ends = await self._log.starts(places), await self._log.ends(places)
        state: dict[str, int] = {}
        async for _, records, _ in self._log.read(starts, ends):
            for record in records:
                state[json.loads(record.key)] = json.loads(record.value)
        return state

    def _shown(self, customer: str) -> int:
        shown = self.stage.store.hget(f"{self._name}:{customer}", "orders")
        assert shown is None or isinstance(shown, bytes)
        return int(shown or 0)


def _over(one: Mapping[str, int], other: Mapping[str, int]) -> int:
    """By how much the counts of one are above those of the other, all in all."""
    return sum(max(0, count - other.get(who, 0)) for who, count in one.items())
