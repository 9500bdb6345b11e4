"""A new build's changelog, from its first record to its last: a mark, customers, watermarks.

The epoch of all records is 0, that of nobody: a worker that claims a partition while it is being
written makes what comes after its claim void, and the check at the end finds that it was there.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from aiokafka import TopicPartition

from stream_app import failpoints
from stream_app.errors import Fault
from stream_app.jobs.send.outbox import Outbox
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.wire.beginning import nothing_yet
from stream_app.wire.changelog import (
    WATERMARK_KEY,
    History,
    Watermark,
    encode_value,
    encode_watermark,
)

EPOCH: Final = 0
HEAD: Final = encode_value(EPOCH, b"")
"""What stands before a customer's state."""
ADVICE: Final = "Run the same command again: it begins anew."


class Snapshot:
    """Writes one build's changelog; customers come by `add`, or were written by other processes."""

    def __init__(
        self, settings: Settings, outbox: Outbox, log: LogReader, until_us: int, maker: int
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._log = log
        # Of an unfinished state nobody reads counts: this one is the name of who makes it.
        self._unfinished = History(until_us=until_us, finished=False, refused=maker)
        self._written = [0] * settings.partitions

    @classmethod
    @asynccontextmanager
    async def begun(
        cls, settings: Settings, log: LogReader, until_us: int, maker: int | None = None
    ) -> AsyncIterator[Snapshot]:
        """Mark every partition as unfinished. `until_us`: what the mark says of the cut; `maker`: a
        number by which the mark is known as this one's (None: one is drawn)."""
        async with Outbox(settings, advice=ADVICE) as outbox:
            snapshot = cls(settings, outbox, log, until_us, new_maker() if maker is None else maker)
            await snapshot._mark()
            await snapshot._check()
            failpoints.hit("backfill_marked")
            yield snapshot

    @classmethod
    @asynccontextmanager
    async def continued(
        cls,
        settings: Settings,
        log: LogReader,
        until_us: int,
        maker: int,
        written: Mapping[int, int],
    ) -> AsyncIterator[Snapshot]:
        """After the mark, others have written so many customers of each partition."""
        async with Outbox(settings, advice=ADVICE) as outbox:
            snapshot = cls(settings, outbox, log, until_us, maker)
            for number, customers in written.items():
                snapshot._written[number] = 1 + customers
            yield snapshot

    async def add(self, number: int, key: bytes, state: bytes) -> None:
        """One customer of a partition."""
        await self._put(number, key, HEAD + state)

    async def finish(self, watermarks: Mapping[int, Watermark]) -> None:
        """Watermarks once every customer is acknowledged, and nobody else has written."""
        await self._outbox.settle()
        try:
            await self._check()
        except Fault:
            await self._mark()  # whatever the other one does: nobody may start on what lies here
            raise
        failpoints.hit("backfill_written")
        for number, watermark in watermarks.items():
            await self._put_watermark(number, watermark)
            await self._outbox.settle()
            failpoints.hit("backfill_watermark")
        await self._check_last(watermarks)

    @property
    def _mark_of_ours(self) -> Watermark:
        return msgspec.structs.replace(nothing_yet(self._settings), history=self._unfinished)

    async def _mark(self) -> None:
        for number in range(self._settings.partitions):
            await self._put_watermark(number, self._mark_of_ours)
        await self._outbox.settle()

    async def _put_watermark(self, number: int, watermark: Watermark) -> None:
        await self._put(number, WATERMARK_KEY, _value(watermark))

    async def _put(self, number: int, key: bytes, value: bytes) -> None:
        await self._outbox.add(self._settings.changelog_topic, number, key, value)
        self._written[number] += 1

    async def _check(self) -> None:
        """Everything in the changelog is ours: as much as we wrote, and it begins with our mark.

        Another one may have deleted the changelog under us, and begun its own.
        """
        topic = self._settings.changelog_topic
        ends = await self._log.ends(
            [TopicPartition(topic, number) for number in range(len(self._written))]
        )
        for place, end in ends.items():
            first = await self._log.record_at(place, 0)
            begun = first is not None and (first.offset, first.value) == (
                0,
                _value(self._mark_of_ours),
            )
            if end != self._written[place.partition] or not begun:
                raise self._foreign(place)

    async def _check_last(self, watermarks: Mapping[int, Watermark]) -> None:
        """Each watermark stands right behind the customers; a worker may have come since."""
        for number, watermark in watermarks.items():
            place = TopicPartition(self._settings.changelog_topic, number)
            last = self._written[number] - 1
            found = await self._log.record_at(place, last)
            if found is None or (found.offset, found.value) != (last, _value(watermark)):
                await self._mark()
                raise self._foreign(place)

    def _foreign(self, place: TopicPartition) -> Fault:
        return Fault(
            f"somebody else has written to {place.topic} partition {place.partition} (a worker of"
            f" build {self._settings.build}, another command that makes it): the build stays"
            " unfinished; stop them and run the same command again"
        )


def new_maker() -> int:
    """A number that no other maker has."""
    return secrets.randbits(62)


def _value(watermark: Watermark) -> bytes:
    return encode_value(EPOCH, encode_watermark(watermark))
