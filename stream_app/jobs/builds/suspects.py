"""The states of customers who seem to differ: the changelogs read a second time, for those alone.

Partitions that can share customers are read together, so that memory holds the states of some of
the customers who differ, not of all: where both builds have one partition count and one partitioner
that is a pair of partitions; of 8 and 12 partitions it is two and three, since the partitioner
takes one number modulo either count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import gcd
from typing import Any, Final

import numpy as np
from aiokafka import TopicPartition

from stream_app.jobs.builds.digests import Digested, Numbers
from stream_app.jobs.changelog_reader import Advance, ChangelogView
from stream_app.stores.log_reader import LogReader
from stream_app.wire.changelog import CLAIM_KEY, WATERMARK_KEY

Views = dict[int, ChangelogView]
"""By partition."""

_CONTROL: Final = (CLAIM_KEY, WATERMARK_KEY)


class Suspects:
    """Customers to look at, by their numbers (`digests`)."""

    def __init__(self, numbers: Numbers) -> None:
        """`numbers` are in order."""
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def among(self, records: Sequence[Any]) -> list[Any]:
        """Those of the records whose key is a suspect's."""
        if not len(self):
            return []
        ids = np.fromiter((hash(one.key) for one in records), np.int64, len(records))
        at = np.minimum(np.searchsorted(self._numbers, ids), len(self) - 1)
        return [records[place] for place in np.flatnonzero(self._numbers[at] == ids).tolist()]


def groups(one: Digested, other: Digested) -> Iterator[tuple[list[int], list[int]]]:
    """Partitions of the one and of the other build that hold the same customers."""
    counts = one.build.partitions, other.build.partitions
    together = gcd(*counts) if _share_a_partitioner(one, other) else 1
    for residue in range(together):
        first, second = (list(range(residue, count, together)) for count in counts)
        yield first, second


def _share_a_partitioner(one: Digested, other: Digested) -> bool:
    partitioners = {mark.partitioner for side in (one, other) for mark in side.marks.values()}
    return len(partitioners) == 1 and "trust" not in partitioners


def empty_views(numbers: Sequence[int]) -> Views:
    """Views of partitions of which nothing has been read."""
    return {number: ChangelogView(number) for number in numbers}


async def read_suspects(
    log: LogReader,
    topic: str,
    views: Views,
    suspects: Suspects,
    advance: Advance,
) -> None:
    """Read views on from where they stand to the ends of now; take in none but the suspects."""
    places = [TopicPartition(topic, number) for number in views]
    first, ends = await log.starts(places), await log.ends(places)
    starts = {place: max(first[place], views[place.partition].next_offset) for place in places}
    async for place, records, at_end in log.read(starts, ends):
        view = views[place.partition]
        if at_end:
            view.next_offset = max(view.next_offset, ends[place])
            continue
        control = [one for one in records if one.key in _CONTROL]
        chosen = suspects.among(records)
        view.add(sorted(control + chosen, key=_offset) if control else chosen)
        advance(len(records))


def _offset(record: Any) -> int:
    offset: int = record.offset
    return offset
