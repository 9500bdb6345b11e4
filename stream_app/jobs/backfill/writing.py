"""The states as a new build's changelog: a mark that it is being made, customers, watermarks.

The epoch of all records is 0, that of nobody: a worker that claims a partition while it is being
written makes what comes after its claim void, and the check at the end finds that it was there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from aiokafka import TopicPartition

from stream_app import failpoints
from stream_app.errors import Fault
from stream_app.jobs.backfill.cut import Cut
from stream_app.jobs.backfill.folding import Counted, Entry
from stream_app.jobs.send.outbox import Outbox
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.wire.beginning import nothing_yet
from stream_app.wire.changelog import (
    WATERMARK_KEY,
    History,
    RowCounts,
    Watermark,
    encode_value,
    encode_watermark,
)

EPOCH: Final = 0
_HEAD: Final = encode_value(EPOCH, b"")


class Snapshot:
    """Writes one build's changelog from its first record to its last."""

    def __init__(self, settings: Settings, outbox: Outbox, log: LogReader, cut: Cut) -> None:
        self._settings = settings
        self._outbox = outbox
        self._log = log
        self._cut = cut
        self._written = [0] * settings.partitions

    @classmethod
    @asynccontextmanager
    async def begun(cls, settings: Settings, log: LogReader, cut: Cut) -> AsyncIterator[Snapshot]:
        """Mark every partition as unfinished."""
        async with Outbox(settings, advice="Run the same command again: it begins anew.") as outbox:
            snapshot = cls(settings, outbox, log, cut)
            await snapshot._mark(History(until_us=cut.until_us, finished=False))
            await snapshot._check()
            failpoints.hit("backfill_marked")
            yield snapshot

    async def add(self, entry: Entry) -> None:
        """One customer."""
        await self._put(entry.partition, entry.key, _HEAD + entry.state)

    async def finish(self, counted: Sequence[Counted], refused: int) -> None:
        """Watermarks once every customer is acknowledged, and nobody else has written."""
        await self._outbox.settle()
        await self._check()
        failpoints.hit("backfill_written")
        watermarks = []
        for number, one in enumerate(counted):
            watermarks.append(self._watermark(number, one, refused))
            await self._put_watermark(number, watermarks[number])
            await self._outbox.settle()
            failpoints.hit("backfill_watermark")
        await self._check_last(watermarks)

    async def _mark(self, history: History) -> None:
        for number in range(self._settings.partitions):
            empty = msgspec.structs.replace(nothing_yet(self._settings), history=history)
            await self._put_watermark(number, empty)
        await self._outbox.settle()

    async def _put_watermark(self, number: int, watermark: Watermark) -> None:
        await self._put(number, WATERMARK_KEY, _value(watermark))

    async def _put(self, number: int, key: bytes, value: bytes) -> None:
        await self._outbox.add(self._settings.changelog_topic, number, key, value)
        self._written[number] += 1

    async def _check(self) -> None:
        """Everything in the changelog is ours."""
        topic = self._settings.changelog_topic
        ends = await self._log.ends(
            [TopicPartition(topic, number) for number in range(len(self._written))]
        )
        for place, end in ends.items():
            if end != self._written[place.partition]:
                raise self._foreign(place)

    async def _check_last(self, watermarks: Sequence[Watermark]) -> None:
        """Each watermark stands right behind the customers; a worker may have come since."""
        for number, watermark in enumerate(watermarks):
            place = TopicPartition(self._settings.changelog_topic, number)
            last = self._written[number] - 1
            found = await self._log.record_at(place, last)
            if found is None or (found.offset, found.value) != (last, _value(watermark)):
                await self._mark(History(until_us=self._cut.until_us, finished=False))
                raise self._foreign(place)

    def _foreign(self, place: TopicPartition) -> Fault:
        return Fault(
            f"somebody else has written to {place.topic} partition {place.partition} (a worker of"
            f" build {self._settings.build}, another backfill): the build stays unfinished; stop"
            " them and run the same command again"
        )

    def _watermark(self, number: int, counted: Counted, refused: int) -> Watermark:
        sources = self._cut.of(number)
        rows = {
            topic: RowCounts(applied, duplicate)
            for topic, applied, duplicate in zip(
                self._settings.source_topics, counted.applied, counted.duplicate, strict=True
            )
        }
        return msgspec.structs.replace(
            nothing_yet(self._settings),
            sources=sources,
            max_at_us=counted.max_at_us,
            net_minor=counted.net_minor,
            history=History(
                until_us=self._cut.until_us,
                starts={topic: position.next_offset for topic, position in sources.items()},
                rows=rows,
                refused=refused,
            ),
        )


def _value(watermark: Watermark) -> bytes:
    return encode_value(EPOCH, encode_watermark(watermark))
