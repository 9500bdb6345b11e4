"""Every customer's days, read from the changelog while the worker goes on; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import TopicPartition

from stream_app.core.calendar import Calendar
from stream_app.core.models.enough import Enough
from stream_app.core.models.histories import Histories, histories, joined
from stream_app.errors import NotFound, SourceMismatch
from stream_app.jobs.changelog_reader import ChangelogView, partition_counts, read_on
from stream_app.jobs.progress import Progress
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.wire.changelog import Watermark
from stream_app.wire.state import decode


@dataclass(frozen=True)
class Known:
    """What the state knew when it was read."""

    histories: Histories
    max_at_us: int
    """Instant of the latest accepted event, microseconds since 1970."""
    offsets: Mapping[str, Mapping[str, int]]
    """Next offset of each source topic's partitions: what is in, and what is not."""

    def as_of_seconds(self, settings: Settings, now: float) -> int:
        """The instant that the settings mean, Unix seconds; event-time: the latest event of all."""
        if settings.as_of_event_time:
            return self.max_at_us // 1_000_000
        return settings.as_of_seconds if settings.as_of_seconds is not None else int(now)

    def last_day(self, settings: Settings, now: float) -> int:
        """The last day that is known of: that of as_of, but none after the latest event."""
        calendar = Calendar(settings.time_zone)
        as_of_us = self.as_of_seconds(settings, now) * 1_000_000
        return calendar.day_of(min(as_of_us, self.max_at_us))


async def read_population(settings: Settings) -> Known:
    """Read every partition to its end of now, one after the other.

    ConfigurationError where there is no changelog, NotFound where it is empty, SourceMismatch where
    it was built with other settings.
    """
    topic = settings.changelog_topic
    count = (await partition_counts(settings, topic))[topic]
    places = [TopicPartition(topic, number) for number in range(count)]
    log = LogReader(settings)
    await log.start()
    parts: list[Histories] = []
    watermarks: dict[int, Watermark] = {}
    try:
        starts, ends = await log.starts(places), await log.ends(places)
        total = sum(ends[place] - starts[place] for place in places)
        with Progress("reading the state", "records", total) as progress:
            for place in places:
                view = ChangelogView(place.partition)
                await read_on(log, topic, view, ends[place], progress.advance)
                if view.watermark is not None:
                    _check(settings, view.watermark)
                    watermarks[place.partition] = view.watermark
                states = [decode(version.body) for version in view.customers.values()]
                parts.append(histories(states))
    finally:
        await log.stop()
    if not watermarks:
        raise NotFound(
            f"There is no state yet: the changelog {topic!r} holds no watermark; has `ltv worker`"
            " run with these settings (LTV_APP_ID, LTV_BUILD)?"
        )
    latest = max(watermark.max_at_us for watermark in watermarks.values())
    return Known(joined(parts), latest, _offsets(watermarks))


def least_data(settings: Settings) -> Enough:
    """What there must be of customers before a model is fitted to them."""
    return Enough(
        buyers=settings.fit_buyers,
        repeat_buyers=settings.fit_repeat_buyers,
        history_days=settings.fit_history_days,
        silence_days=settings.fit_silence_days,
    )


def _offsets(watermarks: Mapping[int, Watermark]) -> dict[str, dict[str, int]]:
    offsets: dict[str, dict[str, int]] = {}
    for number, watermark in watermarks.items():
        for topic, source in watermark.sources.items():
            offsets.setdefault(topic, {})[str(number)] = source.next_offset
    return offsets


def _check(settings: Settings, watermark: Watermark) -> None:
    """Days and money must be those of the settings, in which the model will be used; and all
    customers must be there."""
    for variable, ours, built in (
        ("LTV_CURRENCY", settings.currency, watermark.currency),
        ("LTV_TIMEZONE", settings.time_zone, watermark.time_zone),
    ):
        if ours != built:
            raise SourceMismatch(
                f"the state was built with {variable}={built}, and this is {ours}: use the settings"
                " of the worker"
            )
    if watermark.unfinished:
        raise NotFound(
            f"Build {settings.build} is unfinished: its customers are not whole yet. Wait for what"
            " is making it, or give its ltv backfill or ltv replay again."
        )
