"""A partition's topics, recounted from where the state began to read them to the cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import TopicPartition
from msgspec import UNSET

from stream_app.jobs.changelog_reader import Advance
from stream_app.jobs.recount.facts import PartitionRecount
from stream_app.jobs.recount.read import Rules
from stream_app.jobs.verification.findings import Findings, TopicTally
from stream_app.jobs.verification.history import HistoryRows
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.wire.changelog import SourcePosition, Watermark


def rules_of(settings: Settings, partitions: int) -> Rules:
    """The recount's rules, from the settings."""
    return Rules(
        currency=settings.currency,
        time_zone=settings.time_zone,
        partitioner=settings.partitioner,
        partitions=partitions,
        largest_value_bytes=settings.max_value,
    )


def roles_of(settings: Settings) -> dict[str, str]:
    """Topic name -> role."""
    return {
        settings.topic_purchases: "purchases",
        settings.topic_signups: "signups",
        settings.topic_activity: "activity",
    }


@dataclass(frozen=True)
class Given:
    """A history that was given to verify, and where the state ends taking rows of it."""

    rows: HistoryRows
    until_us: int


def history_of(topic: str) -> str:
    """What the rows of a history are called that would have been records of a topic."""
    return f"history of {topic}"


async def recount_partition(
    log: LogReader,
    settings: Settings,
    number: int,
    begin: Mapping[str, int],
    cut: Mapping[str, int],
    partitions: int,
    findings: Findings,
    advance: Advance,
    given: Given | None = None,
) -> PartitionRecount:
    """Count the given history, then every source topic of one partition from `begin` (the log's
    start where it says nothing) up to `cut` (topic -> next offset)."""
    roles = roles_of(settings)
    past = {history_of(topic): role for topic, role in roles.items()} if given is not None else {}
    counted = PartitionRecount(past | roles, rules_of(settings, partitions))
    if given is not None:
        names = {role: name for name, role in past.items()}
        for role, rows in given.rows.of(number):
            counted.count(names[role], rows, given.until_us)
            advance(len(rows))
    places = {TopicPartition(topic, number): end for topic, end in cut.items()}
    starts, ends = await log.starts(places), await log.ends(places)
    firsts = {place: begin.get(place.topic, 0) for place in places}
    for place, end in places.items():
        if ends[place] < end:
            findings.problems.append(
                f"{place.topic} partition {number} ends at {ends[place]:,}, but the state holds its"
                f" records up to {end:,}: the topic is not the one the state was built from"
            )
        if starts[place] > firsts[place]:
            findings.notes.append(
                f"{place.topic} partition {number} begins at {starts[place]:,}: older records are"
                " gone, and the recount can only agree if the worker never saw them either"
            )
    within = {place: min(end, ends[place]) for place, end in places.items()}
    from_ = {place: max(starts[place], first) for place, first in firsts.items()}
    async for place, records, _ in log.read(from_, within):
        counted.count(place.topic, records)
        advance(len(records))
    return counted


def compare_counts(
    number: int, counted: PartitionRecount, watermark: Watermark, findings: Findings
) -> None:
    """The worker's counts and sums, kept in the watermark, against the recount's."""
    held = _held(watermark)
    past = {history_of(topic) for topic in counted.counts}
    for topic, count in counted.counts.items():
        total = findings.topics.setdefault(topic, TopicTally())
        total.read += count.read
        total.applied += count.applied
        total.duplicate += count.duplicate
        total.refused += count.refused_total
        counts = held.get(topic, (0, 0, 0))
        # What was refused of a history is counted for it as a whole.
        refused = 0 if topic in past else count.refused_total
        told = (count.applied, count.duplicate, refused)
        if counts != told and not _only_unpromised(counts, told, findings):
            findings.problems.append(
                f"{topic} partition {number}: the worker counted {_words(counts)},"
                f" the recount {_words(told)}"
            )
    promised = not any(one.past_the_duplicate_bound for one in counted.customers.values())
    for what, ours, theirs in (
        ("net money of accepted events", watermark.net_minor, counted.net_minor),
        ("latest occurred_at in microseconds", watermark.max_at_us, counted.newest_us),
    ):
        if ours != theirs and promised:
            findings.problems.append(
                f"partition {number}: the {what} is {ours:,} in the state, {theirs:,} recounted"
            )


def _held(watermark: Watermark) -> dict[str, tuple[int, int, int]]:
    """Applied, duplicate and refused of each topic, and of what a history has for it."""
    held = {
        topic: (source.applied, source.duplicate, source.refused)
        for topic, source in watermark.sources.items()
    }
    if watermark.history is not UNSET:
        for topic, rows in watermark.history.rows.items():
            held[history_of(topic)] = (rows.applied, rows.duplicate, 0)
    return held


def compare_streamed(
    number: int, counted: PartitionRecount, watermark: Watermark, findings: Findings
) -> None:
    """What can be said of the counts without the history that the state began with.

    What is a duplicate of a row can't be known; how many records there are, and which of them are
    refused, can.
    """
    for topic, count in counted.counts.items():
        total = findings.topics.setdefault(topic, TopicTally())
        source = watermark.sources.get(topic) or SourcePosition(0)
        total.read += count.read
        total.applied += source.applied
        total.duplicate += source.duplicate
        total.refused += count.refused_total
        of_history = count.applied - source.applied
        agrees = source.refused == count.refused_total and of_history >= 0
        if not agrees or source.applied + source.duplicate != count.applied + count.duplicate:
            findings.problems.append(
                f"{topic} partition {number}: the worker counted"
                f" {_words((source.applied, source.duplicate, source.refused))}, the recount"
                f" {_words((count.applied, count.duplicate, count.refused_total))}"
            )


def _only_unpromised(
    held: tuple[int, int, int], told: tuple[int, int, int], findings: Findings
) -> bool:
    """Whether customers past the duplicate bound can explain it: duplicates taken as new."""
    same_rest = held[2] == told[2] and sum(held) == sum(told) and held[0] > told[0]
    return same_rest and findings.past_the_duplicate_bound > 0


def _words(counts: tuple[int, int, int]) -> str:
    applied, duplicate, refused = counts
    return f"{applied:,} applied + {duplicate:,} duplicate + {refused:,} refused"
