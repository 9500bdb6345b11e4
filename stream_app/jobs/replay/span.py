"""From which offsets to which: every partition of every source topic has a first and an end.

The ends are captured once, at the start, so a replay of a log that grows comes to an end. A time
means the first record with that Kafka timestamp or a later one. What retention has removed can't be
read, and is said before anything is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka import TopicPartition

from stream_app.errors import ConfigurationError, SourceMismatch, UsageError
from stream_app.jobs.changelog_reader import partition_counts
from stream_app.jobs.moments import instant_us
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader

Offsets = dict[TopicPartition, int]

_PLACE: Final = re.compile(r"([A-Za-z0-9._-]{1,249}):([0-9]{1,6})=([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True)
class Span:
    """``[starts, ends)`` of every source partition."""

    starts: Mapping[TopicPartition, int]
    ends: Mapping[TopicPartition, int]

    @property
    def partitions(self) -> list[int]:
        """Numbers of the partitions, each once."""
        return sorted({place.partition for place in self.starts})

    def of(self, number: int) -> tuple[Offsets, Offsets]:
        """Starts and ends of one partition of all topics."""
        places = [place for place in self.starts if place.partition == number]
        return {one: self.starts[one] for one in places}, {one: self.ends[one] for one in places}

    def records(self, number: int) -> int:
        """Offsets of one partition, which is about how many records it has."""
        starts, ends = self.of(number)
        return sum(max(0, ends[place] - start) for place, start in starts.items())


async def find_span(settings: Settings, log: LogReader, begin: str | None, end: str | None) -> Span:
    """The span that was asked for.

    UsageError where the words make none, ConfigurationError where the topics are not as the
    settings say, SourceMismatch where records of it are gone or were never there.
    """
    places = await _places(settings)
    # The ends first: what comes while the broker is asked is after them.
    log_ends = await log.ends(places)
    log_starts = await log.starts(places)
    starts = await _resolved(settings, log, "--from", begin, log_starts, log_ends)
    ends = await _resolved(settings, log, "--to", end, log_ends, log_ends)
    for place in places:
        _check(settings, place, (starts[place], ends[place]), (log_starts, log_ends), begin)
    span = Span(starts, ends)
    if (begin or end) and not any(span.records(number) for number in span.partitions):
        raise UsageError(
            "no record lies in this range; times are those at which Kafka got the records, and"
            " --from is where it begins, --to where it ends"
        )
    return span


async def _places(settings: Settings) -> list[TopicPartition]:
    counts = await partition_counts(settings, *settings.source_topics)
    for topic, count in counts.items():
        if count != settings.partitions:
            raise ConfigurationError(
                f"topic {topic} has {count} partitions, LTV_PARTITIONS says {settings.partitions}:"
                " set it to what the topics have"
            )
    return [TopicPartition(topic, one) for topic, count in counts.items() for one in range(count)]


async def _resolved(
    settings: Settings,
    log: LogReader,
    option: str,
    text: str | None,
    default: Mapping[TopicPartition, int],
    log_ends: Mapping[TopicPartition, int],
) -> Offsets:
    if text is None:
        return dict(default)
    if "=" in text:
        return dict(default) | _offsets(option, text, list(default))
    at_us = instant_us(text, settings.time_zone, option)
    found = await log.offsets_at(list(default), -(-at_us // 1_000))
    return {
        place: log_ends[place] if at is None else min(at, log_ends[place])
        for place, at in found.items()
    }


def _offsets(option: str, text: str, places: Sequence[TopicPartition]) -> Offsets:
    """Offsets of the places that are named."""
    known, given = set(places), {}
    for word in text.split(","):
        found = _PLACE.fullmatch(word.strip())
        if found is None:
            raise UsageError(
                f"{option} {word.strip()!r} is not TOPIC:PARTITION=OFFSET, for example"
                f" {places[0].topic}:0=1200; several are separated by commas."
            )
        place = TopicPartition(found[1], int(found[2]))
        if place not in known:
            raise UsageError(f"{option} names {_unknown(place, places)}.")
        given[place] = int(found[3])
    return given


def _unknown(place: TopicPartition, places: Sequence[TopicPartition]) -> str:
    count = sum(one.topic == place.topic for one in places)
    if count:
        return f"{place.topic} partition {place.partition}, and it has {count}, from 0 on"
    topics = sorted({one.topic for one in places})
    return f"the topic {place.topic}, which is none of {', '.join(topics)}"


def _check(
    settings: Settings,
    place: TopicPartition,
    asked: tuple[int, int],
    there: tuple[Mapping[TopicPartition, int], Mapping[TopicPartition, int]],
    begin: str | None,
) -> None:
    start, end = asked
    first, last = there[0][place], there[1][place]
    name = f"{place.topic} partition {place.partition}"
    if end > last:
        raise SourceMismatch(f"{name} ends at {last:,}, so it can't be read to {end:,} (--to)")
    if start > end:
        raise UsageError(f"--from is after --to: {name} would be read from {start:,} to {end:,}.")
    explicit = begin is not None and "=" in begin
    if start < first or (start == first > 0 and not explicit and not settings.history_trimmed):
        raise SourceMismatch(
            f"{name} begins at {first:,}: older records were removed, and the range can't be read"
            " whole; choose a later --from, or set LTV_HISTORY_TRIMMED=1 to fold what is left"
        )
