"""The changelog as an outsider reads it: every valid version of every customer, nothing written.

A record whose epoch is older than the last claim before it was written by a worker that no longer
owned the partition, and one that no release of ours can have written by somebody else; both are
void, and the version before holds.  A claim's own offset is its epoch.  A record with an empty body
takes a customer back whom only such a worker knew.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from stream_app.errors import ConfigurationError
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.stores.topic_plan import or_hidden
from stream_app.stores.topics import admin_client
from stream_app.wire.changelog import (
    CLAIM_KEY,
    WATERMARK_KEY,
    ForeignValue,
    Watermark,
    decode_watermark,
    decode_written,
    is_claim,
)

Advance = Callable[[int], None]
"""Told how many more records have been read."""


def _untold(_: int) -> None:
    """Nobody asks for progress."""


class Version(NamedTuple):
    """One state of a customer: the changelog offset of its record, and the encoded state."""

    pos: int
    body: bytes


@dataclass(slots=True)
class ChangelogView:
    """What the changelog of one partition says up to `next_offset`."""

    number: int
    next_offset: int = 0
    customers: dict[bytes, Version] = field(default_factory=dict)
    watermark: Watermark | None = None
    claim: int = -1
    void: int = 0
    """Records written by workers that had lost the partition, or by somebody else."""
    history: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    """Of customers that are followed: offset -> key and state of every valid version."""
    _followed: Container[bytes] = ()

    def follow(self, customers: Container[bytes]) -> None:
        """Forget what was read, and from here on keep every version of some customers."""
        self._followed = customers
        self.customers = {}

    def add(self, records: Iterable[Any]) -> None:
        """Take the next records, in the order of the log."""
        for record in records:
            self.next_offset = record.offset + 1
            if record.key == CLAIM_KEY:
                if is_claim(record):
                    self.claim = record.offset
            elif record.key is not None:
                self._take(record)

    def _take(self, record: Any) -> None:
        try:
            epoch, body = decode_written(record)
        except ForeignValue:
            self.void += 1
            return
        key: bytes = record.key
        offset: int = record.offset
        if epoch < self.claim:
            self.void += 1
        elif key == WATERMARK_KEY:
            self.watermark = decode_watermark(body)
        elif not body:
            self.customers.pop(key, None)
        else:
            self.customers[key] = Version(offset, body)
            if key in self._followed:
                self.history[offset] = (key, body)


async def partition_counts(settings: Settings, *topics: str) -> dict[str, int]:
    """How many partitions each topic has; a `ConfigurationError` where one does not exist."""
    async with admin_client(settings) as admin:
        # All of them, because asking for one by name may create it.
        there = {one["topic"]: len(one["partitions"]) for one in await admin.describe_topics()}
    for topic in topics:
        if not there.get(topic):
            raise ConfigurationError(
                f"there is no topic {topic!r} at {settings.brokers}: either LTV_BROKERS or the"
                " topic's name in the settings is wrong, or nothing has run here yet"
                " (`ltv topics` makes the topics, `ltv worker` its changelog)."
                f"{or_hidden(settings)}"
            )
    return {topic: there[topic] for topic in topics}


async def read_on(
    log: LogReader, topic: str, view: ChangelogView, end: int, advance: Advance = _untold
) -> None:
    """Read one partition's changelog from where the view stands to `end`."""
    place = TopicPartition(topic, view.number)
    start = max(view.next_offset, (await log.starts([place]))[place])
    async for _, records, _ in log.read({place: start}, {place: end}):
        view.add(records)
        advance(len(records))
    view.next_offset = max(view.next_offset, end)


async def read_customer(
    log: LogReader, settings: Settings, number: int, key: bytes, advance: Advance = _untold
) -> ChangelogView:
    """One partition's changelog, of which every version of only one customer is kept.

    Its cost is that of the whole partition: a changelog has no index by key.
    """
    place = TopicPartition(settings.changelog_topic, number)
    view = ChangelogView(number)
    view.follow((key,))
    starts, ends = await log.starts([place]), await log.ends([place])
    wanted = (key, CLAIM_KEY, WATERMARK_KEY)
    async for _, records, _ in log.read(starts, ends):
        view.add(record for record in records if record.key in wanted)
        advance(len(records))
    return view
