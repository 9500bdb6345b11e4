"""How far a build has read: the watermarks at the end of its changelog, and what lies after them.

A slice's watermark is the last record of its batch, so it is looked for from the end: a few records
a partition instead of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aiokafka import TopicPartition

from stream_app.jobs.builds.known import Build
from stream_app.jobs.changelog_reader import ChangelogView
from stream_app.stores.log_reader import LogReader
from stream_app.wire.changelog import CLAIM_KEY, WATERMARK_KEY, Watermark

FIRST_LOOK = 64
"""Records looked at from the end before eight times as many are."""

Cut = dict[TopicPartition, int]
"""By source partition the next offset: what a state holds, and what it does not."""


async def watermarks(log: LogReader, build: Build) -> dict[int, Watermark]:
    """The newest watermark of each partition that has one."""
    places = [TopicPartition(build.topic, number) for number in range(build.partitions)]
    starts, ends = await log.starts(places), await log.ends(places)
    found: dict[int, Watermark] = {}
    for place in places:
        watermark = await _last_watermark(log, place, starts[place], ends[place])
        if watermark is not None:
            found[place.partition] = watermark
    return found


async def _last_watermark(
    log: LogReader, place: TopicPartition, start: int, end: int
) -> Watermark | None:
    width = FIRST_LOOK
    while True:
        first = max(start, end - width)
        records = await log.read_range(place, first, end)
        view = ChangelogView(place.partition)
        view.add(one for one in records if one.key in (WATERMARK_KEY, CLAIM_KEY))
        if view.watermark is not None or first == start:
            return view.watermark
        width *= 8


def cut_of(marks: Mapping[int, Watermark]) -> Cut:
    """The cut that watermarks make; a topic that a state has not met is not in it."""
    return {
        TopicPartition(topic, number): source.next_offset
        for number, watermark in marks.items()
        for topic, source in watermark.sources.items()
    }


def topics_of(marks: Mapping[int, Watermark]) -> frozenset[str]:
    """The topics that a build was made from."""
    return frozenset(topic for watermark in marks.values() for topic in watermark.sources)


async def lag(log: LogReader, cut: Cut, existing: Iterable[str]) -> int | None:
    """Records between a cut and the ends of its topics; None where a topic is gone."""
    if not {place.topic for place in cut} <= set(existing):
        return None
    return behind(cut, await log.ends(cut))


def behind(cut: Cut, other: Mapping[TopicPartition, int]) -> int:
    """Records below `other` and not below `cut`; a place that `cut` lacks begins at 0.

    >>> one, two = TopicPartition("t", 0), TopicPartition("t", 1)
    >>> behind({one: 5, two: 9}, {one: 7, two: 3})
    2
    """
    return sum(max(0, offset - cut.get(place, 0)) for place, offset in other.items())
