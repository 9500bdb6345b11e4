"""Is this the log that the state came from?  Asked before the first record is folded.

A state can only go on from the log it was built on: same topics, same records behind the
watermark, same partition counts, same settings.  Anything else is refused with exit code 78 and
one sentence, before anything is folded.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import structlog
from aiokafka import TopicPartition

from stream_app.errors import SourceMismatch
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.wire.changelog import SourcePosition, Watermark, anchor_of

log = structlog.get_logger(__name__)

BACKFILL = "start a new build beside it (LTV_BUILD) and rebuild it from the log"
"""What to do when a state can't go on."""


class Sources:
    """Checks of the source topics against a partition's watermark."""

    def __init__(self, settings: Settings, reader: LogReader, expected: Watermark) -> None:
        self._settings = settings
        self._reader = reader
        self._expected = expected
        """A watermark of nothing, with the settings that decide state as they are now."""

    async def check(
        self, number: int, watermark: Watermark | None, committed: Mapping[str, int]
    ) -> Watermark:
        """The watermark to go on from in partition ``number``; `SourceMismatch` when none fits.

        ``committed`` has the group's offsets: they matter only where there is no state at all,
        because then they prove that there once was one.
        """
        partitions = [TopicPartition(topic, number) for topic in self._settings.source_topics]
        starts = await self._reader.starts(partitions)
        ends = await self._reader.ends(partitions)
        if watermark is None:
            return self._fresh(number, starts, committed)
        self._check_settings(watermark, number)
        self._check_history(watermark)
        for partition in partitions:
            position = watermark.sources.get(partition.topic)
            if position is not None:
                self._check_bounds(partition, position, starts[partition], ends[partition])
            elif starts[partition] > 0 and not self._settings.history_trimmed:
                raise self._trimmed(partition, starts[partition])
        other = await other_record(self._reader, watermark, starts)
        if other is not None:
            raise SourceMismatch(f"{other}; {BACKFILL}")
        return self._with_starts(watermark, starts)

    def _fresh(
        self, number: int, starts: Mapping[TopicPartition, int], committed: Mapping[str, int]
    ) -> Watermark:
        """The watermark of a partition that has no state: every topic from its start."""
        lost = {topic: offset for topic, offset in committed.items() if offset > 0}
        if lost and not self._settings.history_trimmed:
            raise SourceMismatch(
                f"the changelog {self._settings.changelog_topic} partition {number} has no state, "
                f"but group {self._settings.group} has committed offsets ({lost}): the changelog "
                "was deleted; set the next LTV_BUILD, which folds everything again beside what "
                "Redis shows, and cut over to it"
            )
        for partition, start in starts.items():
            if start > 0 and not self._settings.history_trimmed:
                raise self._trimmed(partition, start)
        return self._with_starts(self._expected, starts)

    def _trimmed(self, partition: TopicPartition, start: int) -> SourceMismatch:
        return SourceMismatch(
            f"{partition.topic} partition {partition.partition} begins at offset {start} and there "
            "is no state for what came before; set LTV_HISTORY_TRIMMED=1 if that history was "
            "removed on purpose"
        )

    def _with_starts(self, watermark: Watermark, starts: Mapping[TopicPartition, int]) -> Watermark:
        """Topics that the state has not met yet begin at the start of their log."""
        sources = dict(watermark.sources)
        for partition, start in starts.items():
            sources.setdefault(partition.topic, SourcePosition(next_offset=start))
        return msgspec.structs.replace(watermark, sources=sources)

    def _check_settings(self, watermark: Watermark, number: int) -> None:
        variables = {
            "time_zone": "LTV_TIMEZONE",
            "currency": "LTV_CURRENCY",
            "partitioner": "LTV_PARTITIONER",
            "partitions": "LTV_PARTITIONS",
            "max_value": "LTV_MAX_VALUE",
            "state_version": "the state version of this release",
            "tzdata": "the tzdata package",
        }
        for name, variable in variables.items():
            was, now = getattr(watermark, name), getattr(self._expected, name)
            if name == "tzdata" and watermark.counts_days_like(self._expected):
                continue
            if was != now:
                raise SourceMismatch(
                    f"partition {number} of {self._settings.changelog_topic} was built with "
                    f"{name} {was!r}, {variable} is {now!r}: set it back, or make a new build with "
                    "ltv backfill"
                )

    def _check_history(self, watermark: Watermark) -> None:
        if watermark.unfinished:
            raise SourceMismatch(
                f"build {self._settings.build} is unfinished (its changelog is "
                f"{self._settings.changelog_topic}): wait for what is making it, or, where that "
                "has ended on the way, give its ltv backfill or ltv replay again"
            )

    def _check_bounds(
        self, partition: TopicPartition, position: SourcePosition, start: int, end: int
    ) -> None:
        where = f"{partition.topic} partition {partition.partition}"
        if position.next_offset > end:
            raise SourceMismatch(
                f"{where} ends at offset {end}, but the state has read up to "
                f"{position.next_offset}: the topic was re-created or restored; {BACKFILL}"
            )
        if position.next_offset < start:
            raise SourceMismatch(
                f"{where} begins at offset {start}, but the state has read only up to "
                f"{position.next_offset}: retention removed records that were never folded; "
                f"{BACKFILL}"
            )


async def other_record(
    reader: LogReader, watermark: Watermark, starts: Mapping[TopicPartition, int]
) -> str | None:
    """Which last record folded is another one now, in words; None where all are the same.

    Of those that the log still has: ``starts`` are where it begins.
    """
    anchors = {
        partition: position.anchor
        for partition, start in starts.items()
        if (position := watermark.sources.get(partition.topic)) is not None
        and position.anchor is not None
        and position.anchor.offset >= start
    }
    found = await reader.records_at(
        {partition: anchor.offset for partition, anchor in anchors.items()}
    )
    for partition, anchor in anchors.items():
        record = found.get(partition)
        if record is None:
            # Compacted away or removed by an operator: absence alone proves nothing.
            log.warning(
                "the last record folded is gone", topic=partition.topic, offset=anchor.offset
            )
        elif anchor_of(record) != anchor:
            return (
                f"the record at offset {anchor.offset} of {partition.topic} partition "
                f"{partition.partition} is not the one that was folded: the topic was re-created"
            )
    return None
