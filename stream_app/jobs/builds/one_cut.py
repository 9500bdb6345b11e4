"""Two builds brought to one cut: what the one had folded and the other had not is folded here.

Under live traffic two builds never stand at the same offsets, and a customer who bought in between
differs rightly. So the cut is, partition by partition of each topic, the further of the two
positions; the records between them are read once, and those of customers who seem to differ are
folded into the state that lacks them, by the worker's own fold and the settings of that build. What
differs then differs at one cut, and nothing has to be waited for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka import TopicPartition

from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer
from stream_app.errors import SourceMismatch, VerificationFailed
from stream_app.jobs.builds.positions import Cut
from stream_app.jobs.builds.suspects import Suspects
from stream_app.jobs.changelog_reader import Advance, ChangelogView
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.wire.changelog import Watermark
from stream_app.wire.events import Decoder
from stream_app.wire.partitioner import PARTITIONERS
from stream_app.wire.state import decode
from stream_app.worker.fold import Rules, fold
from stream_app.worker.partition import Partition

ROLES: Final = ("purchases", "signups", "activity")
NO_LIMIT: Final = 2**62

Customers = dict[bytes, Customer]


class Side:
    """Some partitions of one build, with the customers who seem to differ."""

    def __init__(
        self, settings: Settings, views: Mapping[int, ChangelogView], marks: Mapping[int, Watermark]
    ) -> None:
        self.partitions = {
            number: _partition(view, marks[number]) for number, view in views.items()
        }
        self._rules = {number: rules_of(settings, marks[number]) for number in views}

    def position(self, place: TopicPartition) -> int:
        """Where the state reaches in a partition of a topic."""
        return self.partitions[place.partition].position(place.topic)

    def fold(self, place: TopicPartition, records: Sequence[Any]) -> None:
        """Add records that the state lacks, in the order of the log."""
        if records:
            number = place.partition
            fold(self.partitions[number], place.topic, records, self._rules[number])

    def customers(self) -> Customers:
        """All of them, by id."""
        return {
            key: customer
            for partition in self.partitions.values()
            for key, customer in partition.customers.items()
        }


def _partition(view: ChangelogView, watermark: Watermark) -> Partition:
    customers = {key: decode(version.body) for key, version in view.customers.items()}
    return Partition(view.number, 0, watermark, 0, acknowledged={}, customers=customers)


def rules_of(settings: Settings, watermark: Watermark) -> Rules:
    """What the build folds by: topics from the settings, everything else from its watermark."""
    calendar = Calendar(watermark.time_zone)
    return Rules(
        decoders={
            topic: Decoder(role, calendar, watermark.currency, watermark.max_value)
            for role, topic in zip(ROLES, settings.source_topics, strict=True)
        },
        partitions=watermark.partitions,
        partition_of=PARTITIONERS[watermark.partitioner],
        byte_limit=NO_LIMIT,
    )


async def bring_to_one_cut(
    log: LogReader,
    topics: tuple[str, ...],
    one: Side,
    other: Side,
    suspects: Suspects,
    advance: Advance,
) -> Cut:
    """Fold into each what only the other had; the cut that both stand at then.

    Both must have the same partitions. SourceMismatch or VerificationFailed where the records
    between the two are not there.
    """
    places = [TopicPartition(topic, number) for topic in topics for number in one.partitions]
    at = {place: (one.position(place), other.position(place)) for place in places}
    cut = {place: max(pair) for place, pair in at.items()}
    between = {place: min(pair) for place, pair in at.items() if len(set(pair)) > 1}
    if between:
        await _check(log, between, cut)
    lacking = {place: one if at[place][0] < at[place][1] else other for place in between}
    ends = {place: cut[place] for place in between}
    async for place, records, _ in log.read(between, ends):
        advance(len(records))
        lacking[place].fold(place, suspects.among(records))
    return cut


async def _check(log: LogReader, between: Cut, cut: Cut) -> None:
    starts, ends = await log.starts(between), await log.ends(between)
    for place, start in between.items():
        where = f"{place.topic} partition {place.partition}"
        if starts[place] > start:
            raise VerificationFailed(
                f"{where} begins at {starts[place]:,}, and one of the builds has read up to"
                f" {start:,} only: what the other has read since is gone, so the two can't be"
                " compared at one cut"
            )
        if ends[place] < cut[place]:
            raise SourceMismatch(
                f"{where} ends at {ends[place]:,}, and one of the builds has read up to"
                f" {cut[place]:,}: it was built from another topic"
            )
