"""Read any part of any log without a group: bounds, ranges, whole partitions in bulk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from stream_app.errors import Fault
from stream_app.settings import Settings
from stream_app.stores.kafka import new_reader, started

CANCEL_SECONDS = 0.2
"""How long a fetcher may take to notice that it is cancelled before it is told again."""
POLL_MS = 1000
"""How long one read waits for records before its position is looked at again."""


class LogReader:
    """One consumer without a group, used for one reading at a time.

    Nothing it does moves a group's position, and a position it can't have is an error, never a
    silent jump to another one.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer: AIOKafkaConsumer | None = None
        self._reading = asyncio.Lock()

    async def start(self) -> None:
        """Connect; `Unreachable` when no broker answers."""
        consumer = new_reader(self._settings)
        await started(consumer, self._settings)
        self._consumer = consumer

    async def stop(self) -> None:
        """Close the connection."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await _stop(consumer)

    async def starts(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """First offset that each partition still has."""
        return dict(await self._started.beginning_offsets(list(partitions)))

    async def ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Offset after the last readable record of each partition."""
        return dict(await self._started.end_offsets(list(partitions)))

    async def offsets_at(
        self, partitions: Iterable[TopicPartition], timestamp_ms: int
    ) -> dict[TopicPartition, int | None]:
        """The first offset with this timestamp or a later one; None where no record has."""
        asked = dict.fromkeys(partitions, timestamp_ms)
        found = await self._started.offsets_for_times(asked)
        return {one: each.offset if each is not None else None for one, each in found.items()}

    async def record_at(self, partition: TopicPartition, offset: int) -> Any | None:
        """The record at ``offset``, or the next one the log still has; None past the end."""
        end = (await self.ends([partition]))[partition]
        async for _, records, _ in self.read({partition: offset}, {partition: end}):
            if records:
                return records[0]
        return None

    async def records_at(self, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, Any]:
        """The record at each offset, in one reading; absent where the log has it no more.

        The offsets must lie within their logs.
        """
        found: dict[TopicPartition, Any] = {}
        ends = {one: offset + 1 for one, offset in offsets.items()}
        async for one, records, _ in self.read(offsets, ends):
            for record in records:
                found[one] = record
        return found

    async def read_range(self, partition: TopicPartition, start: int, end: int) -> list[Any]:
        """All records of one partition in ``[start, end)``."""
        found: list[Any] = []
        async for _, records, _ in self.read({partition: start}, {partition: end}):
            found.extend(records)
        return found

    async def read(
        self, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> AsyncIterator[tuple[TopicPartition, Sequence[Any], bool]]:
        """Read each partition in ``[starts, ends)``, all at once, records in order.

        Yields (partition, records, False) for each fetch, and once (partition, (), True) when
        the partition's end is reached; the end is judged by the position, since compaction and
        transactions leave gaps.
        """
        async with self._reading:
            consumer = self._started
            remaining = {one for one, start in starts.items() if start < ends[one]}
            for one in set(starts) - remaining:
                yield one, (), True
            if not remaining:
                return
            consumer.assign(list(remaining))
            try:
                for one in remaining:
                    consumer.seek(one, starts[one])
                async for part in self._fetches(consumer, remaining, ends):
                    yield part
            finally:
                consumer.unsubscribe()

    async def _fetches(
        self,
        consumer: AIOKafkaConsumer,
        remaining: set[TopicPartition],
        ends: Mapping[TopicPartition, int],
    ) -> AsyncIterator[tuple[TopicPartition, Sequence[Any], bool]]:
        while remaining:
            try:
                fetched = await consumer.getmany(*remaining, timeout_ms=POLL_MS)
            except KafkaError as error:
                raise Fault(
                    f"a log can't be read: {error!r}; restart when the broker is well"
                ) from error
            for one, records in fetched.items():
                end = ends[one]
                if records[-1].offset >= end:
                    records = [record for record in records if record.offset < end]
                if records:
                    yield one, records, False
            for one in list(remaining):
                if await consumer.position(one) >= ends[one]:
                    remaining.discard(one)
                    consumer.pause(one)
                    yield one, (), True

    @property
    def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("LogReader.start() comes first")
        return self._consumer


@asynccontextmanager
async def log_reader(settings: Settings) -> AsyncIterator[LogReader]:
    """A connected reader, stopped at the end; `Unreachable` when no broker answers."""
    log = LogReader(settings)
    await log.start()
    try:
        yield log
    finally:
        await log.stop()


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, also one that was unsubscribed a moment ago.

    Its fetcher may be waiting just then for a fetch that it has cancelled, and there takes its own
    cancellation for that one's: it goes on, and `consumer.stop` waits for it for ever (aiokafka
    0.14). So it is cancelled again.
    """
    stopping = asyncio.ensure_future(consumer.stop())
    while not (await asyncio.wait([stopping], timeout=CANCEL_SECONDS))[0]:
        consumer._fetcher._fetch_task.cancel()
    await stopping
