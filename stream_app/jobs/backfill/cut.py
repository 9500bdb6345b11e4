"""From which offsets the stream goes on after a history: the first that may not be in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import TopicPartition

from stream_app.errors import SourceMismatch
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.wire.changelog import Anchor, SourcePosition, anchor_of

_BACK: Final = 256
"""Offsets before the start among which the last record is looked for: transactions and compaction
leave gaps."""


@dataclass(frozen=True)
class Cut:
    """Where every source partition is read from."""

    until_us: int
    lateness_us: int
    positions: Mapping[TopicPartition, SourcePosition]

    def of(self, number: int) -> dict[str, SourcePosition]:
        """By topic name, of one partition."""
        return {
            place.topic: position
            for place, position in self.positions.items()
            if place.partition == number
        }

    def left(self, ends: Mapping[TopicPartition, int]) -> int:
        """Records that the stream has to read to catch up."""
        return sum(end - self.positions[place].next_offset for place, end in ends.items())


async def find_cut(settings: Settings, log: LogReader, until_us: int, lateness_us: int) -> Cut:
    """The first offsets with a timestamp at the cut less the lateness, or after it.

    SourceMismatch where records from there on may have been removed.
    """
    places = [
        TopicPartition(topic, number)
        for topic in settings.source_topics
        for number in range(settings.partitions)
    ]
    # The ends first: a record that comes while the broker is asked is after them, and is read.
    starts, ends = await log.starts(places), await log.ends(places)
    from_ms = max(0, -(-(until_us - lateness_us) // 1_000))
    found = await log.offsets_at(places, from_ms)
    positions = {}
    for place in places:
        at = found[place]
        first = ends[place] if at is None else min(at, ends[place])
        if starts[place] > 0 and first <= starts[place] and not settings.history_trimmed:
            raise _trimmed(place, starts[place])
        anchor = await _anchor(log, place, starts[place], first)
        positions[place] = SourcePosition(first, anchor)
    return Cut(until_us, lateness_us, positions)


def _trimmed(place: TopicPartition, start: int) -> SourceMismatch:
    return SourceMismatch(
        f"{place.topic} partition {place.partition} begins at offset {start}, and nothing in it is"
        " older than the cut less the lateness: records between may have been removed; choose a"
        " later --until or a shorter --lateness, or set LTV_HISTORY_TRIMMED=1 if only older ones"
        " were removed"
    )


async def _anchor(log: LogReader, place: TopicPartition, start: int, first: int) -> Anchor | None:
    """The last record before the start, by which the log is recognised."""
    begin = max(start, first - _BACK)
    if begin >= first:
        return None
    records: list[Any] = await log.read_range(place, begin, first)
    return anchor_of(records[-1]) if records else None
