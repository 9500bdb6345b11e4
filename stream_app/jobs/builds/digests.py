"""Every customer of a build as two numbers: which customer, and what is known of them.

16 bytes a customer instead of a state, so that two builds of millions fit into memory beside each
other. While a partition is read its customers are kept by id, each with a digest.

The numbers are Python's own hash of bytes: SipHash of 64 bits, keyed anew in every process. Two
states that differ look the same once in 2^64; two customers that share a number look different and
are found equal when their states are read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from aiokafka import TopicPartition
from numpy.typing import NDArray

from stream_app.jobs.builds.known import Build
from stream_app.jobs.changelog_reader import Advance, ChangelogView, Version, read_on
from stream_app.stores.log_reader import LogReader
from stream_app.wire.changelog import Watermark
from stream_app.wire.state import decode

Numbers = NDArray[np.int64]

_WIDTH: Final = 8
_EMPTY: Final[Numbers] = np.empty(0, np.int64)

Wanted = Callable[[bytes], bool]
"""Which customers are compared, by id."""


class Digests(dict[bytes, Version]):
    """Customers of a view, each with the digest of the facts in the place of the state.

    The facts are digested as they are read today: the same facts in an older version of the state
    are equal.
    """

    def __setitem__(self, customer: bytes, version: Version) -> None:
        number = hash(decode(version.body).facts)
        digest = number.to_bytes(_WIDTH, "little", signed=True)
        super().__setitem__(customer, Version(version.pos, digest))


@dataclass
class Digested:
    """A build that was read: its customers as numbers, sorted, and where it stood then."""

    build: Build
    marks: dict[int, Watermark]
    customers: Numbers
    facts: Numbers

    def __len__(self) -> int:
        return len(self.customers)


async def digested(
    log: LogReader, build: Build, advance: Advance, choose: Callable[[int], Wanted]
) -> Digested:
    """Read a build's changelog, each partition to its end as it is when its turn comes.

    An end captured long before could not be read to: what was the newest record of a customer then
    may be compacted away for a newer one. `choose` says which customers count, given about how many
    there are.
    """
    places = [TopicPartition(build.topic, number) for number in range(build.partitions)]
    marks: dict[int, Watermark] = {}
    parts: list[tuple[Numbers, Numbers]] = []
    wanted: Wanted | None = None
    for place in places:
        view = ChangelogView(place.partition, customers=Digests())
        end = (await log.ends([place]))[place]
        await read_on(log, build.topic, view, end, advance)
        if view.watermark is not None:
            marks[place.partition] = view.watermark
        if wanted is None:
            wanted = choose(len(view.customers) * build.partitions)
        parts.append(_numbers(view.customers, wanted))
    customers = np.concatenate([ids for ids, _ in parts])
    order = np.argsort(customers, kind="stable")
    facts = np.concatenate([digests for _, digests in parts])
    return Digested(build, marks, customers[order], facts[order])


def _numbers(customers: dict[bytes, Version], wanted: Wanted) -> tuple[Numbers, Numbers]:
    chosen = [one for one in customers if wanted(one)]
    if not chosen:
        return _EMPTY, _EMPTY
    ids = np.fromiter(map(hash, chosen), np.int64, len(chosen))
    return ids, np.frombuffer(b"".join(customers[one].body for one in chosen), "<i8")


def compared(one: Digested, other: Digested) -> tuple[int, Numbers]:
    """How many customers are in both builds with the same facts; the numbers of all others."""
    mine, theirs = _without_equal(one, other), _without_equal(other, one)
    return len(one) - len(mine), np.union1d(mine, theirs)


def _without_equal(mine: Digested, theirs: Digested) -> Numbers:
    """The numbers of those of `mine` who are not the same in `theirs`."""
    if not len(theirs):
        return mine.customers
    at = np.minimum(np.searchsorted(theirs.customers, mine.customers), len(theirs) - 1)
    same = (theirs.customers[at] == mine.customers) & (theirs.facts[at] == mine.facts)
    others: Numbers = mine.customers[~same]
    return others
