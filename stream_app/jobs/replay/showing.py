"""What a replay says: the span, the counts, the sums, the state hash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import click
import orjson

from stream_app.core.segments import TIERS
from stream_app.jobs.backfill.showing import instant_text
from stream_app.jobs.replay.result import Outcome, Totals, state_hash, sum_up
from stream_app.jobs.replay.span import Span
from stream_app.jobs.replay.target import Target
from stream_app.jobs.verification.findings import TopicTally
from stream_app.jobs.verification.printing import amount
from stream_app.settings import Settings


@dataclass
class Replayed:
    """All there is to say."""

    target: Target
    span: Span
    outcomes: Sequence[Outcome]
    as_of: int
    model: str | None
    processes: int
    cpu_seconds: float
    seconds: float

    @cached_property
    def totals(self) -> Totals:
        """Over all customers."""
        return sum_up(self.outcomes)

    @cached_property
    def state_hash(self) -> str:
        """Over all customers."""
        return state_hash(one.digests for one in self.outcomes)

    @cached_property
    def topics(self) -> dict[str, TopicTally]:
        """Counts of each topic over all partitions."""
        found = {place.topic: TopicTally() for place in self.span.starts}
        for one in self.outcomes:
            for topic, source in one.watermark.sources.items():
                tally = found[topic]
                tally.applied += source.applied
                tally.duplicate += source.duplicate
                tally.refused += source.refused
                tally.read += source.applied + source.duplicate + source.refused
        return found

    @property
    def records(self) -> int:
        """Records folded, those of an earlier try among them."""
        return sum(one.read for one in self.topics.values())

    @property
    def net_minor(self) -> int:
        """Money of all accepted events."""
        return sum(one.watermark.net_minor for one in self.outcomes)

    @property
    def refused(self) -> Counter[str]:
        """By reason."""
        return sum((Counter(one.refused) for one in self.outcomes), Counter[str]())

    def as_json(self) -> dict[str, Any]:
        """One JSON object."""
        totals = self.totals
        return {
            "into": self.target.name,
            "topics": {
                topic: {
                    "records": one.read,
                    "applied": one.applied,
                    "duplicate": one.duplicate,
                    "refused": one.refused,
                    "starts": self._offsets(topic, self.span.starts),
                    "ends": self._offsets(topic, self.span.ends),
                }
                for topic, one in self.topics.items()
            },
            "reasons": dict(self.refused.most_common()),
            "customers": totals.customers,
            "buyers": totals.buyers,
            "orders": totals.orders,
            "revenue_minor": totals.revenue_minor,
            "net_minor": self.net_minor,
            "past_the_duplicate_bound": totals.past_the_duplicate_bound,
            "as_of": self.as_of,
            "model": self.model,
            "ltv_minor": totals.ltv_minor,
            "tiers": {tier: totals.tiers[tier] for tier in TIERS},
            "state_hash": self.state_hash,
            "processes": self.processes,
            "cpu_seconds": round(self.cpu_seconds, 3),
            "seconds": round(self.seconds, 3),
        }

    def _offsets(self, topic: str, of: Any) -> dict[str, int]:
        return {str(place.partition): at for place, at in of.items() if place.topic == topic}


def print_replayed(replayed: Replayed, settings: Settings, *, as_json: bool) -> None:
    """To standard output."""
    if as_json:
        click.echo(orjson.dumps(replayed.as_json(), option=orjson.OPT_INDENT_2))
        return
    for line in lines(replayed, settings):
        click.echo(line)


def lines(replayed: Replayed, settings: Settings) -> Iterator[str]:
    """For people; the last line is the state hash, or what to do next."""
    totals, currency = replayed.totals, settings.currency
    for topic, one in replayed.topics.items():
        yield (
            f"{topic + ':':14} {one.read:,} records = {one.applied:,} applied"
            f" + {one.duplicate:,} duplicate + {one.refused:,} refused"
        )
    for reason, count in replayed.refused.most_common():
        yield f"{'':14} {count:,} {reason}"
    yield (
        f"{'customers:':14} {totals.customers:,}, {totals.buyers:,} with purchases,"
        f" {totals.orders:,} orders, revenue {amount(totals.revenue_minor, currency)}"
    )
    if totals.past_the_duplicate_bound:
        yield f"{'':14} {totals.past_the_duplicate_bound:,} past the duplicate bound"
    by = f"model {replayed.model}" if replayed.model is not None else "formula"
    yield (
        f"{'scores:':14} as of {instant_text(replayed.as_of * 1_000_000)}, by {by}:"
        f" ltv {amount(totals.ltv_minor, currency)} in all"
    )
    yield f"{'tiers:':14} {', '.join(f'{totals.tiers[tier]:,} {tier}' for tier in TIERS)}"
    rate = replayed.records / replayed.seconds if replayed.seconds > 0 else 0.0
    cpu = 1e6 * replayed.cpu_seconds / replayed.records if replayed.records else 0.0
    yield (
        f"{'took:':14} {replayed.seconds:.1f} s in {replayed.processes} processes,"
        f" {rate:,.0f} records/s, {cpu:.1f} us of CPU a record"
    )
    if replayed.target.kind == "file":
        yield f"{'file:':14} {replayed.target.file}"
    yield f"{'state hash:':14} {replayed.state_hash}"
    if replayed.target.kind == "build":
        build = replayed.target.build
        yield f"{replayed.target.name} is made; its worker: LTV_BUILD={build} ltv worker"
