"""Append the slices of one partition to the changelog, in order, and acknowledge them in order.

A slice's customers and the watermark after it are ONE record batch, so state and position land
together or not at all.  Before the batch goes its dead letters, acknowledged: a crash between
the two repeats a letter, never loses it.  Memory is ahead of the changelog only while an append
is in flight; one that ends in anything but an acknowledgement ends the process, and the slice is
read again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import structlog

from stream_app import failpoints
from stream_app.core.customer import Customer
from stream_app.errors import ChangelogFault, Deposed
from stream_app.metrics import Metrics
from stream_app.wire import state
from stream_app.wire.changelog import (
    CLAIM_KEY,
    WATERMARK_KEY,
    encode_value,
    encode_watermark,
    is_claim,
)
from stream_app.worker.changelog import Changelog, Entry, acknowledged
from stream_app.worker.fate import Fate
from stream_app.worker.fold import Folded
from stream_app.worker.partition import Partition, Waiting

log = structlog.get_logger(__name__)

REPAIR_BYTES: Final = 1 << 20
"""States written again in one batch: far below any broker's limit for the changelog."""

SendLetters = Callable[[Sequence[Any]], Awaitable[None]]


@dataclass(slots=True)
class Append:
    """A batch on its way: what it holds and whom to tell."""

    entries: list[Entry]
    changed: dict[bytes, Customer]
    """Customers in the order of their entries, the first records of the batch."""
    positions: dict[str, int]
    """Next offset of each source topic once this is acknowledged."""
    max_at_us: int
    net_minor: int
    """Money of all events accepted once this is acknowledged."""
    folded: Folded | None
    """The slice; None for a repair, which writes again what a zombie overwrote."""
    done: Callable[[], None]
    """Acknowledges the slice to Faust."""

    @property
    def size(self) -> int:
        """Bytes of keys and values."""
        return sum(map(len, chain.from_iterable(self.entries)))


class Appender:
    """The way of one partition's slices into the changelog."""

    def __init__(
        self,
        partition: Partition,
        changelog: Changelog,
        send_letters: SendLetters,
        metrics: Metrics,
        in_flight: int,
    ) -> None:
        self.partition = partition
        self._changelog = changelog
        self._send_letters = send_letters
        self._metrics = metrics
        self._slots = asyncio.Semaphore(in_flight)
        self._queue: asyncio.Queue[Append] = asyncio.Queue()
        self._sent: asyncio.Queue[tuple[Append, Awaitable[Any]]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self.pending = 0
        """Batches handed in and not yet acknowledged."""

    def start(self, fate: Fate) -> None:
        """Begin to send and settle; a fault of either is the worker's end."""
        self._tasks = [
            fate.watch(asyncio.create_task(self._send())),
            fate.watch(asyncio.create_task(self._settle())),
        ]

    def stop(self) -> None:
        """Send nothing more; what is in flight is for the next owner to find."""
        for task in self._tasks:
            task.cancel()

    async def ready(self) -> None:
        """Wait until one more slice may be folded: memory runs ahead by a few slices only."""
        await self._slots.acquire()

    def put(self, folded: Folded, done: Callable[[], None]) -> None:
        """Hand in a folded slice; call `ready` before folding it."""
        self.withhold(folded)
        self.pending += 1
        self._queue.put_nowait(self._append(folded.changed, folded, done))
        failpoints.hit("after_fold")

    def withhold(self, folded: Folded) -> None:
        """Keep what a slice changed from being published until it is acknowledged."""
        unacknowledged = self.partition.unacknowledged
        for key in folded.changed:
            unacknowledged[key] = unacknowledged.get(key, 0) + 1

    def repair(self, keys: Iterable[bytes]) -> None:
        """Write my version of ``keys`` and my watermark again, over a zombie's.

        In batches of a size that always fits; each is true by itself.
        """
        part: list[bytes] = []
        size = 0
        for key in keys:
            customer = self.partition.customers.get(key)
            own = len(key) + (customer.size if customer is not None else 0)
            if part and size + own > REPAIR_BYTES:
                self._put_repair(part)
                part, size = [], 0
            part.append(key)
            size += own
        self._put_repair(part)

    def _put_repair(self, keys: Sequence[bytes]) -> None:
        partition = self.partition
        held = {key: partition.customers[key] for key in keys if key in partition.customers}
        for key in held:
            partition.unacknowledged[key] = partition.unacknowledged.get(key, 0) + 1
        append = self._append(held, None, _nothing)
        nobody = encode_value(partition.epoch, b"")
        unknown = [key for key in keys if key not in held and key[:1] != b"\0"]
        append.entries[-1:-1] = [(key, nobody) for key in unknown]
        self.pending += 1
        self._queue.put_nowait(append)

    def _append(
        self, changed: dict[bytes, Customer], folded: Folded | None, done: Callable[[], None]
    ) -> Append:
        partition = self.partition
        epoch = partition.epoch
        head, encode = encode_value(epoch, b""), state.encode
        entries = [(key, head + encode(one)) for key, one in changed.items()]
        body = encode_watermark(partition.watermark)
        entries.append((WATERMARK_KEY, encode_value(epoch, body)))
        positions = {
            topic: source.next_offset for topic, source in partition.watermark.sources.items()
        }
        watermark = partition.watermark
        return Append(
            entries, changed, positions, watermark.max_at_us, watermark.net_minor, folded, done
        )

    async def _send(self) -> None:
        while True:
            append = await self._queue.get()
            if append.folded is not None and append.folded.letters:
                await self._send_letters(append.folded.letters)
            failpoints.hit("before_append")
            future = await self._changelog.append(self.partition.number, append.entries)
            self._sent.put_nowait((append, future))

    async def _settle(self) -> None:
        partition, topic = self.partition, self._changelog.topic
        while True:
            append, future = await self._sent.get()
            offset = await acknowledged(future, topic, partition.number)
            failpoints.hit("after_append")
            foreign: list[bytes] = []
            if offset < partition.next_offset:
                raise ChangelogFault(
                    f"a batch for {topic} partition {partition.number} landed at offset {offset}, "
                    f"but {partition.next_offset} had been acknowledged: the broker lost records"
                )
            if offset > partition.next_offset:
                foreign = await self.foreign_keys(offset)
            self._acknowledge(append, offset)
            if foreign:
                self.repair(foreign)

    async def mend(self, end: int) -> None:
        """Somebody wrote up to ``end`` while nothing of mine was in flight: write over it."""
        start = self.partition.next_offset
        keys = await self.foreign_keys(end)
        if self.partition.next_offset == start:  # else a slice came meanwhile, and found the gap
            self.partition.next_offset = end
            self.repair(keys)

    async def foreign_keys(self, end: int) -> list[bytes]:
        """Keys that somebody else wrote between my last record and ``end``.

        Raises `Deposed` where a claim is among them: the partition has another owner.
        """
        partition = self.partition
        start = partition.next_offset
        gap = await self._changelog.read_range(partition.number, start, end)
        if any(map(is_claim, gap)):
            raise Deposed(
                f"another worker has claimed partition {partition.number} of "
                f"{self._changelog.topic}; this one stops writing"
            )
        self._metrics.add("ltv_foreign_writes_total", len(gap))
        log.warning(
            "somebody else wrote to the changelog of a partition of mine; written again",
            partition=partition.number,
            records=len(gap),
            from_offset=start,
        )
        failpoints.hit("before_reappend")
        # A claim that is none needs no version of mine: nobody takes it for one.
        keys = dict.fromkeys(record.key for record in gap if record.key is not None)
        keys.pop(CLAIM_KEY, None)
        return list(keys)

    def _acknowledge(self, append: Append, offset: int) -> None:
        """The batch is durable: its customers may be published, its slice is done."""
        partition = self.partition
        unacknowledged, dirty = partition.unacknowledged, partition.dirty
        for pos, (key, customer) in enumerate(append.changed.items(), offset):
            customer.pos = pos
            dirty[key] = customer
            left = unacknowledged[key] - 1
            if left:
                unacknowledged[key] = left
            else:
                del unacknowledged[key]
        partition.next_offset = offset + len(append.entries)
        partition.acknowledged.update(append.positions)
        partition.max_at_us = append.max_at_us
        partition.net_minor = append.net_minor
        folded = append.folded
        if folded is not None:
            self._slots.release()
            partition.waiting.append(
                Waiting(
                    partition.next_offset,
                    folded.oldest_timestamp_ms,
                    folded.records,
                    folded.span,
                )
            )
            if folded.span is not None:
                folded.span.acknowledged(offset)
            partition.uncounted.note(folded.before, folded.changed)
        self._metrics.add("ltv_changelog_batches_total", 1)
        self._metrics.add("ltv_changelog_bytes_total", append.size)
        self.pending -= 1
        partition.changed.set()
        append.done()


def _nothing() -> None:
    """A repair has no slice to acknowledge."""
