"""A worker from the fetch to the acknowledgement, on logs in memory; the test is the scheduler.

Consumer, agent, partitions, appenders, recovery are the product's own.  Replaced are the thread
with aiokafka's consumer, the broker below the changelog, and Faust's loop between the parts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

from faust.types import TP, ConsumerMessage

from stream_app.metrics import Metrics
from stream_app.settings import Settings
from stream_app.wire.changelog import WATERMARK_KEY, decode_value, decode_watermark
from stream_app.wiring import nothing_yet, rules
from stream_app.worker.agent import Agent
from stream_app.worker.app import new_app
from stream_app.worker.fate import Fate
from stream_app.worker.partition import Partition
from stream_app.worker.partitions import Partitions
from stream_app.worker.source import Sources
from stream_app.worker.transport import Consumer, ConsumerThread, Transport
from tests.worker.memory_log import MemoryChangelog, MemoryLogs, MemoryReader


class MemoryThread(ConsumerThread):
    """Reads logs in memory as aiokafka does: what it hands out has moved its position."""

    def __init__(self, consumer: Consumer, logs: MemoryLogs) -> None:
        super().__init__(consumer, thread_loop=asyncio.get_running_loop())
        self.logs = logs
        self.at: dict[TP, int] = {}
        self.most = 4
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def getmany(self, active_partitions: Any, timeout: float) -> dict[TP, list[Any]]:  # noqa: ASYNC109
        await self.may_answer.wait()
        fetched = {tp: self._next(tp) for tp in self.at}
        return {tp: records for tp, records in fetched.items() if records}

    def _next(self, tp: TP) -> list[Any]:
        log = self.logs.of(*tp)
        found = [one for one in log.records if one.offset >= self.at[tp]][: self.most]
        rest = [one for one in log.records if found and one.offset > found[-1].offset]
        self.at[tp] = found[-1].offset + 1 if rest else log.end
        return list(found)

    async def seek_all(self, positions: Mapping[TP, int]) -> None:
        await asyncio.sleep(0)
        self.at |= positions

    async def forbid_reset(self, forbidden: bool) -> None:
        """There is nothing to jump to here."""

    def positions(self, tps: Any) -> dict[TP, int]:
        return {tp: self.at[tp] for tp in tps}

    def assignment(self) -> set[TP]:
        return set(self.at)


class MemoryConsumer(Consumer):
    """The consumer above a thread in memory."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return MemoryThread(self, self.app.logs)  # type: ignore[attr-defined]


@dataclass
class Event:
    """What Faust hands the agent."""

    message: ConsumerMessage
    value: Any
    acked: bool = False

    def ack(self) -> None:
        self.acked = True


class Nobody:
    """Follows partitions and publishes nothing."""

    def add(self, partition: Partition) -> None: ...

    def drop(self, number: int) -> None: ...


async def nothing(*_: Any) -> Any:
    """No letters are kept, no offsets were committed."""
    return {}


class MemoryWorker:
    """The parts, and what has been handed from one to the next."""

    def __init__(self, settings: Settings, logs: MemoryLogs) -> None:
        self.settings, self.logs, self.fate = settings, logs, Fate()
        self.changelog = MemoryChangelog(settings, logs)
        reader = MemoryReader(settings, logs)
        metrics = Metrics("test")
        self.partitions = Partitions(
            settings, self.changelog, Sources(settings, reader, nothing_yet(settings)),
            nothing, nothing, Nobody(), metrics, self.fate,
        )  # fmt: skip
        self.app = new_app(settings, self.fate)
        self.app.partitions = self.partitions
        self.app.logs = logs  # type: ignore[attr-defined]
        self.consumer = MemoryConsumer(
            Transport(["kafka://nowhere"], self.app), nothing, nothing, nothing
        )
        self.agent = Agent(
            settings, self.partitions, rules(settings), metrics, self.fate, self.consumer.taken
        )
        self.queue: deque[ConsumerMessage] = deque()
        self.taken: list[Event] = []
        self.taking: asyncio.Task[None] | None = None
        self.generator: AsyncGenerator[tuple[TP, ConsumerMessage], None] | None = None
        self.fetching: asyncio.Task[Any] | None = None

    @property
    def thread(self) -> MemoryThread:
        assert isinstance(self.consumer.thread, MemoryThread)
        return self.consumer.thread

    @property
    def tps(self) -> list[TP]:
        numbers = range(self.settings.partitions)
        return [TP(topic, number) for topic in self.settings.source_topics for number in numbers]

    async def settle(self) -> None:
        """Let everybody do what can be done."""
        for _ in range(12):
            await asyncio.sleep(0)
        if self.fate.reason is not None:
            raise self.fate.reason
        if self.taking is not None and self.taking.done():
            self.taking.result()
            self.taking = None

    # -- what a scheduler can let happen ------------------------------------------------------

    async def fetch(self) -> None:
        """Go on in `getmany` to the next slice, or as far as it comes."""
        if self.fetching is None:
            if self.generator is None:
                self.generator = self.consumer.getmany(1.0)  # type: ignore[assignment]
            assert self.generator is not None
            self.fetching = asyncio.ensure_future(anext(self.generator, None))
        await self.settle()
        if self.fetching.done():
            found, self.fetching = self.fetching.result(), None
            if found is None:
                self.generator = None
            elif self.consumer.flow_active:
                self.queue.append(found[1])

    async def take(self) -> None:
        """Let the agent begin with the next slice."""
        await self.settle()
        if self.taking is None and self.queue:
            message = self.queue.popleft()
            self.taken.append(Event(message, message.value))
            self.taking = asyncio.ensure_future(self.agent._take(self.taken[-1]))  # type: ignore[arg-type]
        await self.settle()

    async def land(self) -> None:
        """The oldest batch on its way reaches the log."""
        for one in self.changelog.on_the_way:
            if one.offset < 0:
                self.changelog.land(one)
                return

    async def acknowledge(self, which: int = 0) -> None:
        """One of the batches in the log is acknowledged, whichever."""
        landed = [one for one in self.changelog.on_the_way if one.offset >= 0]
        if landed:
            chosen = landed[which % len(landed)]
            self.changelog.acknowledge(chosen)
            await self.settle()

    async def rebalance(self) -> None:
        """Revoked and assigned anew: what is in hand is finished, what waits is forgotten."""
        self.consumer.stop_flow()
        self.queue.clear()
        while self.taking is not None or self.changelog.on_the_way:
            await self.settle()
            await self.land()
            await self.acknowledge()
        self.changelog.hold = False
        await self.partitions.take(set(range(self.settings.partitions)))
        await self.settle()
        self.changelog.hold = True
        self.thread.at = self.thread.at or dict.fromkeys(self.tps, 0)
        self.consumer.resume_partitions(set(self.tps))
        await self.consumer.perform_seek()
        self.app.consumer_generation_id += 1
        self.consumer.resume_flow()

    async def drain(self) -> None:
        """Everything is read, folded and acknowledged."""
        self.thread.may_answer.set()
        idle = 0
        for _ in range(2_000):
            await self.fetch()
            await self.take()
            await self.land()
            await self.acknowledge()
            busy = self.queue or self.taking or self.changelog.on_the_way or self.generator
            idle = 0 if busy else idle + 1
            if idle == 3:
                return
        raise AssertionError("it never came to rest")

    async def stop(self) -> None:
        """The end of the process: nothing is tidied up."""
        self.partitions.stop()
        for task in (self.fetching, self.taking):
            if task is not None:
                task.cancel()
        await asyncio.sleep(0)

    # -- what is known from outside ----------------------------------------------------------

    def confirmed(self, tp: TP) -> int:
        """Next offset of the state that was acknowledged, with all before it."""
        log = self.changelog.log(tp.partition)
        waiting = [one.offset for one in self.changelog.on_the_way if one.offset >= 0]
        bound = min(waiting, default=log.end)
        found = [one for one in log.records if one.key == WATERMARK_KEY and one.offset < bound]
        if not found or found[-1].value is None:
            return 0
        watermark = decode_watermark(decode_value(found[-1].value)[1])
        source = watermark.sources.get(tp.topic)
        return 0 if source is None else source.next_offset
