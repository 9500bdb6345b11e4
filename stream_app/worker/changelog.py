"""The changelog as its owner uses it: claim a partition, append batches, read it back.

Appending goes through Faust's own producer, which is idempotent here: batches of one partition
arrive in order or not at all.  Records carry no timestamp of ours: a broker refuses one that is
over an hour ahead of its own clock, and compacts one that is behind before its time.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from stream_app.errors import ChangelogFault
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.wire.changelog import CLAIM_KEY, Claim, encode_claim, encode_value
from stream_app.wire.record import NO_TIMESTAMP

Entry = tuple[bytes, bytes]
"""Key and value of one changelog record."""


class Changelog:
    """Appends to and reads from the changelog topic of one build."""

    def __init__(self, settings: Settings, reader: LogReader) -> None:
        self.topic = settings.changelog_topic
        self.producer: AIOKafkaProducer | None = None
        self._reader = reader

    async def claim(self, number: int, nonce: str) -> int:
        """Append a claim on partition ``number``; its offset is the owner's epoch."""
        claim = Claim(owner=f"{os.uname().nodename}:{os.getpid()}", nonce=nonce, at_ms=now_ms())
        future = await self.append(number, [(CLAIM_KEY, encode_value(0, encode_claim(claim)))])
        return await acknowledged(future, self.topic, number)

    async def append(self, number: int, entries: Iterable[Entry]) -> Awaitable[Any]:
        """Queue ``entries`` as ONE record batch; the result resolves when all replicas have it.

        Returns once the batch is in the producer's queue behind those before it.
        """
        assert self.producer is not None
        batch = self.producer.create_batch()
        append = batch.append
        for key, value in entries:
            if append(timestamp=NO_TIMESTAMP, key=key, value=value) is None:
                raise ChangelogFault(
                    f"a batch for {self.topic} partition {number} outgrew the producer's limit; "
                    "lower LTV_SLICE_BYTES"
                )
        batch.close()
        future: Awaitable[Any] = await self.producer.send_batch(batch, self.topic, partition=number)
        return future

    async def ends(self, numbers: Sequence[int]) -> dict[int, int]:
        """End of the log of each partition of the changelog."""
        ends = await self._reader.ends([self._partition(number) for number in numbers])
        return {partition.partition: end for partition, end in ends.items()}

    async def read_to(
        self, ends: Mapping[int, int]
    ) -> AsyncIterator[tuple[int, Sequence[Any], bool]]:
        """Read each partition from its start up to ``ends[number]``: (number, records, at end)."""
        starts = await self._reader.starts([self._partition(number) for number in ends])
        bounds = {self._partition(number): end for number, end in ends.items()}
        async for partition, records, at_end in self._reader.read(starts, bounds):
            yield partition.partition, records, at_end

    async def read_range(self, number: int, start: int, end: int) -> list[Any]:
        """The records of one partition in ``[start, end)``."""
        return await self._reader.read_range(self._partition(number), start, end)

    def _partition(self, number: int) -> TopicPartition:
        return TopicPartition(self.topic, number)


async def acknowledged(future: Awaitable[Any], topic: str, number: int) -> int:
    """Base offset of an appended batch; anything but a real one is a `ChangelogFault`."""
    try:
        metadata = await future
    except KafkaError as error:
        raise ChangelogFault(
            f"an append to {topic} partition {number} failed: {error!r}; "
            "what was not acknowledged is read again after a restart"
        ) from error
    if metadata is None or metadata.offset < 0:
        raise ChangelogFault(
            f"an append to {topic} partition {number} has an unknown outcome (the broker called it "
            "a duplicate); its partition is read again after a restart"
        )
    offset: int = metadata.offset
    return offset


def now_ms() -> int:
    """The wall clock, for who reads a claim; nothing depends on it."""
    return int(time.time() * 1000)
