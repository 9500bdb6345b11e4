"""The agent: receive a slice, fold it, hand it to the changelog, acknowledge it when durable."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from stream_app.errors import ChainBroken, ConfigurationError
from stream_app.metrics import Metrics
from stream_app.settings import Settings
from stream_app.wire.refusal import Reason
from stream_app.worker.appender import Appender
from stream_app.worker.fate import Fate
from stream_app.worker.fold import Folded, Rules, fold
from stream_app.worker.partitions import Partitions
from stream_app.worker.transport import Slice

if TYPE_CHECKING:
    from faust.types import EventT, StreamT

    from stream_app.worker.tracing import Tracing

log = structlog.get_logger(__name__)

MISPLACED_WINDOW = 10_000
"""Records over which the share of misplaced keys is judged."""


class Agent:
    """Folds slices, partition after partition, in the order they arrive."""

    def __init__(
        self,
        settings: Settings,
        partitions: Partitions,
        rules: Rules,
        metrics: Metrics,
        fate: Fate,
        taken: Callable[[int], None],
        tracing: Tracing | None = None,
    ) -> None:
        """``taken`` is told the bytes of each slice that no longer waits; ``tracing``, where traces
        are wanted, of each that is folded."""
        self._tracing = tracing
        self._taken = taken
        self._partitions = partitions
        self._rules = rules
        self._metrics = metrics
        self._fate = fate
        self._misplaced = Misplaced(settings.refused_limit)

    async def run(self, stream: StreamT[Slice]) -> None:
        """Faust's agent function."""
        try:
            async for event in stream.noack().events():  # type: ignore[attr-defined]
                await self._take(event)
        except Exception as reason:
            # Not raised further: Faust would crash service after service while the process ends.
            self._fate.fail(reason)
            await asyncio.get_running_loop().create_future()

    async def _take(self, event: EventT[Slice]) -> None:
        message = event.message
        part: Slice = event.value  # type: ignore[assignment]
        self._taken(part.bytes)
        topic, number = message.topic, message.partition
        appender = self._partitions.appenders.get(number)
        if appender is None:
            raise ChainBroken(f"a slice of {topic} partition {number} came without the partition")
        records = self._chained(part, topic, appender)
        if not records:
            event.ack()  # all of it is in the state; Faust would wait for it at the next rebalance
        while records:
            await appender.ready()
            began = time.perf_counter()
            folded = fold(appender.partition, topic, records, self._rules)
            seconds = time.perf_counter() - began
            self._count(folded, seconds, appender)
            if self._tracing is not None:
                folded.span = self._tracing.folded(number, records[0].offset, seconds, folded)
            records = records[folded.records :]
            appender.put(folded, event.ack if not records else _not_yet)  # type: ignore[arg-type]

    def _chained(self, part: Slice, topic: str, appender: Appender) -> Any:
        """The records that the state does not hold yet; a gap before them is fatal."""
        position = appender.partition.position(topic)
        if part.start > position:
            raise ChainBroken(
                f"{topic} partition {appender.partition.number}: a slice begins at offset "
                f"{part.start}, the state ends at {position}; records between were never seen"
            )
        records = part.records
        if records[0].offset < position:
            records = [record for record in records if record.offset >= position]
        return records

    def _count(self, folded: Folded, seconds: float, appender: Appender) -> None:
        add = self._metrics.add
        add("ltv_events_total", folded.applied, folded.topic, "applied")
        add("ltv_events_total", folded.duplicates, folded.topic, "duplicate")
        add("ltv_events_total", len(folded.letters), folded.topic, "refused")
        for _, refusal in folded.letters:
            add("ltv_dead_letters_total", 1, folded.topic, refusal.reason)
        self._metrics.observe("ltv_fold_seconds", seconds)
        try:
            self._misplaced.count(folded)
        except ConfigurationError:
            appender.withhold(folded)
            raise


class Misplaced:
    """The share of recent records whose key or partition is wrong.

    One such record is a dead letter.  Many mean that a producer or LTV_PARTITIONER is wrong, and
    that a topic is about to be drained into the dead letters: then the worker stops instead.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._recent: list[tuple[int, int]] = []
        self._records = 0
        self._misplaced = 0

    def count(self, folded: Folded) -> None:
        """Add a slice; `ConfigurationError` when the limit is passed, before it is appended."""
        self._recent.append((folded.records, folded.misplaced))
        self._records += folded.records
        self._misplaced += folded.misplaced
        while self._records - self._recent[0][0] >= MISPLACED_WINDOW:
            records, misplaced = self._recent.pop(0)
            self._records -= records
            self._misplaced -= misplaced
        if self._records >= MISPLACED_WINDOW and self._misplaced > self._limit * self._records:
            reasons = f"{Reason.WRONG_PARTITION} or {Reason.KEY_MISMATCH}"
            raise ConfigurationError(
                f"{self._misplaced} of the last {self._records} records are refused for {reasons}: "
                "a producer or LTV_PARTITIONER is wrong; nothing more is folded"
            )


def _not_yet() -> None:
    """The slice was cut by its size: Faust's event is acknowledged with the last part."""
