"""A partition's topics, recounted from the start of the log to the cut."""

from __future__ import annotations

from aiokafka import TopicPartition

from stream_app.jobs.changelog_reader import Advance
from stream_app.jobs.recount.facts import PartitionRecount
from stream_app.jobs.recount.read import Rules
from stream_app.jobs.verification.findings import Findings, TopicTally
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.wire.changelog import Watermark


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


async def recount_partition(
    log: LogReader,
    settings: Settings,
    number: int,
    cut: dict[str, int],
    partitions: int,
    findings: Findings,
    advance: Advance,
) -> PartitionRecount:
    """Read every source topic of one partition up to `cut` (topic -> next offset) and count."""
    counted = PartitionRecount(roles_of(settings), rules_of(settings, partitions))
    places = {TopicPartition(topic, number): end for topic, end in cut.items()}
    starts, ends = await log.starts(places), await log.ends(places)
    for place, end in places.items():
        if ends[place] < end:
            findings.problems.append(
                f"{place.topic} partition {number} ends at {ends[place]:,}, but the state holds its"
                f" records up to {end:,}: the topic is not the one the state was built from"
            )
        if starts[place] > 0:
            findings.notes.append(
                f"{place.topic} partition {number} begins at {starts[place]:,}: older records are"
                " gone, and the recount can only agree if the worker never saw them either"
            )
    within = {place: min(end, ends[place]) for place, end in places.items()}
    async for place, records, _ in log.read(starts, within):
        counted.count(place.topic, records)
        advance(len(records))
    return counted


def compare_counts(
    number: int, counted: PartitionRecount, watermark: Watermark, findings: Findings
) -> None:
    """The worker's counts and sums, kept in the watermark, against the recount's."""
    for topic, count in counted.counts.items():
        total = findings.topics.setdefault(topic, TopicTally())
        total.read += count.read
        total.applied += count.applied
        total.duplicate += count.duplicate
        total.refused += count.refused_total
        source = watermark.sources.get(topic)
        held = (source.applied, source.duplicate, source.refused) if source else (0, 0, 0)
        told = (count.applied, count.duplicate, count.refused_total)
        if held != told and not _only_unpromised(held, told, findings):
            findings.problems.append(
                f"{topic} partition {number}: the worker counted {_words(held)},"
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


def _only_unpromised(
    held: tuple[int, int, int], told: tuple[int, int, int], findings: Findings
) -> bool:
    """Whether customers past the duplicate bound can explain it: duplicates taken as new."""
    same_rest = held[2] == told[2] and sum(held) == sum(told) and held[0] > told[0]
    return same_rest and findings.past_the_duplicate_bound > 0


def _words(counts: tuple[int, int, int]) -> str:
    applied, duplicate, refused = counts
    return f"{applied:,} applied + {duplicate:,} duplicate + {refused:,} refused"
