"""The partitions this worker owns: taken with a claim, kept when untouched, given up whole."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog
from msgspec import UNSET

from stream_app import failpoints
from stream_app.errors import ChangelogFault, SourceMismatch
from stream_app.metrics import Metrics
from stream_app.settings import Settings
from stream_app.worker.appender import Appender, SendLetters
from stream_app.worker.changelog import Changelog
from stream_app.worker.fate import Fate
from stream_app.worker.partition import Partition
from stream_app.worker.rebuild import Rebuild
from stream_app.worker.source import Sources

log = structlog.get_logger(__name__)

Committed = Callable[[int], Awaitable[Mapping[str, int]]]
"""The group's committed offsets of a partition, by topic; topics without one are absent."""


class Follower(Protocol):
    """Who is told of partitions taken and given up: the publisher."""

    def add(self, partition: Partition) -> None:
        """``partition`` is recovered and ours."""
        ...

    def drop(self, number: int) -> None:
        """Partition ``number`` is no longer ours."""
        ...


class Partitions:
    """Who owns what here; the only place where partitions come and go."""

    def __init__(
        self,
        settings: Settings,
        changelog: Changelog,
        sources: Sources,
        committed: Committed,
        send_letters: SendLetters,
        follower: Follower,
        metrics: Metrics,
        fate: Fate,
    ) -> None:
        self.held: dict[int, Partition] = {}
        self.appenders: dict[int, Appender] = {}
        self.recovering: set[int] = set()
        self._settings = settings
        self._changelog = changelog
        self._sources = sources
        self._committed = committed
        self._send_letters = send_letters
        self._follower = follower
        self._metrics = metrics
        self._fate = fate

    async def take(self, numbers: set[int]) -> None:
        """Own exactly ``numbers``: give up the others, keep what nobody wrote to, read the rest."""
        for number in set(self.held) - numbers:
            self._give_up(number)
        await self._give_up_changed()
        missing = sorted(numbers - set(self.held))
        beyond = [number for number in missing if number >= self._settings.partitions]
        if beyond:
            raise SourceMismatch(
                f"partition {beyond[0]} is assigned, but LTV_PARTITIONS is "
                f"{self._settings.partitions}: partitions were added to a topic, which moves "
                "customers; make a new build with the new count"
            )
        if missing:
            await self._recover(missing)

    def acknowledged(self, topic: str, number: int) -> int | None:
        """Next offset of ``topic`` that durable state starts from; None where not ours."""
        partition = self.held.get(number)
        return None if partition is None else partition.acknowledged.get(topic)

    async def check_idle(self) -> None:
        """Look for foreign writes in partitions that have nothing in flight."""
        quiet = {
            n: self.held[n].next_offset for n, one in self.appenders.items() if not one.pending
        }
        ends = await self._changelog.ends(list(quiet)) if quiet else {}
        for number, end in ends.items():
            appender, partition = self.appenders.get(number), self.held.get(number)
            if appender is None or partition is None or appender.pending:
                continue
            if partition.next_offset != quiet[number]:
                continue  # appended to and acknowledged while the broker was asked
            if end > partition.next_offset:
                await appender.mend(end)
            elif end < partition.next_offset:
                raise ChangelogFault(
                    f"the changelog {self._changelog.topic} partition {number} ends at offset "
                    f"{end}, but {partition.next_offset} had been acknowledged: the broker lost "
                    "records or the topic was re-created"
                )

    def stop(self) -> None:
        """Give everything up at the end of the worker."""
        for number in list(self.held):
            self._give_up(number)

    async def _give_up_changed(self) -> None:
        """A kept partition stays only if its changelog ends where I left it.

        A worker that was paused can miss a whole generation in which another one owned it.
        """
        if not self.held:
            return
        ends = await self._changelog.ends(list(self.held))
        for number, end in ends.items():
            if end != self.held[number].next_offset:
                log.warning("the changelog has moved; read again", partition=number)
                self._give_up(number)

    def _give_up(self, number: int) -> None:
        del self.held[number]
        self.appenders.pop(number).stop()
        self._follower.drop(number)

    async def _recover(self, numbers: list[int]) -> None:
        """Claim ``numbers``, read their changelogs in bulk, check their sources, hold them."""
        began = time.monotonic()
        self._recovering(set(numbers))
        try:
            await self._claim_and_read(numbers)
        finally:
            self._recovering(set())
        seconds = time.monotonic() - began
        self._metrics.set("ltv_recovery_seconds", seconds)
        log.info(
            "partitions recovered",
            partitions=numbers,
            customers=sum(len(self.held[number].customers) for number in numbers),
            seconds=round(seconds, 2),
        )

    def _recovering(self, numbers: set[int]) -> None:
        self.recovering = numbers
        self._metrics.set("ltv_recovering", len(numbers))

    async def _claim_and_read(self, numbers: list[int]) -> None:
        epochs = {
            number: await self._changelog.claim(number, uuid.uuid4().hex) for number in numbers
        }
        failpoints.hit("after_claim")
        rebuilds = {number: Rebuild(self._changelog.topic, number) for number in numbers}
        ends = {number: epoch + 1 for number, epoch in epochs.items()}
        async for number, records, at_end in self._changelog.read_to(ends):
            rebuilds[number].add(records)
            failpoints.hit("during_recovery")
            self._metrics.add("ltv_recovery_records_total", len(records))
            if at_end:
                await self._hold(number, epochs[number], rebuilds.pop(number))
                self._recovering(self.recovering - {number})

    async def _hold(self, number: int, epoch: int, rebuilt: Rebuild) -> None:
        rebuilt.check()
        committed = await self._committed(number)
        watermark = await self._sources.check(number, rebuilt.watermark, committed)
        positions = {topic: one.next_offset for topic, one in watermark.sources.items()}
        self._compare(number, positions, committed, rebuilt)
        partition = Partition(
            number,
            epoch,
            watermark,
            next_offset=epoch + 1,
            acknowledged=positions,
            customers=rebuilt.customers,
            max_at_us=watermark.max_at_us,
            net_minor=watermark.net_minor,
            recovered=list(rebuilt.customers.values()),
        )
        appender = Appender(
            partition, self._changelog, self._send_letters, self._metrics, self._settings.in_flight
        )
        appender.start(self._fate)
        self.held[number], self.appenders[number] = partition, appender
        if rebuilt.is_empty:
            # From now on the changelog says which settings decide this state, so that a worker
            # with others is refused before the first event comes.
            appender.repair([])
        if rebuilt.void:
            log.warning(
                "records of a worker that had lost the partition, or of somebody else, are void;"
                " written again",
                partition=number,
                records=len(rebuilt.void),
            )
            self._metrics.add("ltv_foreign_writes_total", len(rebuilt.void))
            failpoints.hit("before_reappend")
            appender.repair(sorted(rebuilt.void))
        self._follower.add(partition)

    def _compare(
        self,
        number: int,
        positions: Mapping[str, int],
        committed: Mapping[str, int],
        rebuilt: Rebuild,
    ) -> None:
        """The watermark decides; a committed offset that disagrees, or is gone, is worth a line."""
        if rebuilt.watermark is None:
            return
        if not committed and rebuilt.watermark.history is not UNSET:
            return  # a backfill's first worker: its group was never anywhere
        differing = {
            topic: (committed.get(topic), position)
            for topic, position in positions.items()
            if committed.get(topic, 0) != position
        }
        if differing:
            self._metrics.add("ltv_offset_mismatches_total", 1)
            log.info(
                "the group's offsets are not the state's; the state's hold",
                partition=number,
                committed_and_state=differing,
            )
