"""Logs in memory: offsets, batches and answers as a broker gives them, and the trouble it can have.

Readers and the changelog are the product's own classes; what is replaced is the connection alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from aiokafka.structs import RecordMetadata

from stream_app.errors import Fault
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.wire.record import Record
from stream_app.worker.changelog import Changelog, Entry


@dataclass
class MemoryLog:
    """One partition: records in order, perhaps with gaps, between a start and an end."""

    topic: str
    number: int = 0
    records: list[Record] = field(default_factory=list)
    start: int = 0
    end: int = 0

    def append(self, *entries: tuple[bytes, bytes | None]) -> int:
        """Write ``entries`` as one batch; its base offset."""
        base = self.end
        for key, value in entries:
            self.records.append(Record(self.topic, self.number, self.end, 0, key, value))
            self.end += 1
        return base

    def put(self, record: Record) -> None:
        """Write a record at its own offset, which may leave a gap before it."""
        assert record.offset >= self.end
        self.records.append(record)
        self.end = record.offset + 1

    def trim(self, start: int) -> None:
        """Retention: nothing before ``start`` is left."""
        self.start, self.end = start, max(start, self.end)
        self.records = [record for record in self.records if record.offset >= start]

    def remove(self, offset: int) -> None:
        """Compaction: one record is gone, its offset stays."""
        self.records = [record for record in self.records if record.offset != offset]


class MemoryLogs:
    """All partitions of all topics; one that nobody wrote to is empty."""

    def __init__(self) -> None:
        self._logs: dict[TopicPartition, MemoryLog] = {}

    def of(self, topic: str, number: int = 0) -> MemoryLog:
        """The log of one partition."""
        one = TopicPartition(topic, number)
        if one not in self._logs:
            self._logs[one] = MemoryLog(topic, number)
        return self._logs[one]


class MemoryReader(LogReader):
    """Reads logs in memory; what is built upon `read` is the product's own."""

    def __init__(self, settings: Settings, logs: MemoryLogs) -> None:
        super().__init__(settings)
        self._logs = logs

    async def starts(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {one: self._logs.of(one.topic, one.partition).start for one in partitions}

    async def ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {one: self._logs.of(one.topic, one.partition).end for one in partitions}

    async def read(
        self, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> AsyncIterator[tuple[TopicPartition, Sequence[Any], bool]]:
        for one, start in starts.items():
            log = self._logs.of(one.topic, one.partition)
            if start < log.start:
                raise Fault("a log can't be read: OffsetOutOfRangeError")
            found = [record for record in log.records if start <= record.offset < ends[one]]
            await asyncio.sleep(0)
            if found:
                yield one, found, False
            yield one, (), True


@dataclass(eq=False)
class OnTheWay:
    """A batch that the producer has, and perhaps the log too."""

    number: int
    entries: list[Entry]
    answer: asyncio.Future[Any]
    offset: int = -1
    """Base offset once it is in the log."""


class MemoryChangelog(Changelog):
    """The changelog with a broker that answers at once, or, told to `hold`, when the test says."""

    def __init__(self, settings: Settings, logs: MemoryLogs) -> None:
        super().__init__(settings, MemoryReader(settings, logs))
        self._logs = logs
        self.hold = False
        self.on_the_way: list[OnTheWay] = []

    def log(self, number: int = 0) -> MemoryLog:
        """What the broker holds."""
        return self._logs.of(self.topic, number)

    async def append(self, number: int, entries: Iterable[Entry]) -> Awaitable[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        batch = OnTheWay(number, list(entries), future)
        self.on_the_way.append(batch)
        if not self.hold:
            self.land(batch)
            self.acknowledge(batch)
        return future

    def land(self, batch: OnTheWay) -> None:
        """The log has it now; nobody has been told."""
        batch.offset = self.log(batch.number).append(*batch.entries)

    def acknowledge(self, batch: OnTheWay) -> None:
        """Tell the producer where it landed."""
        self.on_the_way.remove(batch)
        where = TopicPartition(self.topic, batch.number)
        batch.answer.set_result(RecordMetadata(*where, where, batch.offset, 0, 0, 0))

    def fail(self, batch: OnTheWay, error: Exception) -> None:
        """Tell the producer that it failed, whether or not it landed."""
        self.on_the_way.remove(batch)
        batch.answer.set_exception(error)
