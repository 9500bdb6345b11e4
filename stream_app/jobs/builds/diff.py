"""`ltv diff`: do two builds know the same of every customer?

Both changelogs are read, and every customer becomes two numbers (`digests`). Those who are not in
both with the same facts are read once more (`suspects`), brought to one cut (`one_cut`; where the
builds read different topics they are waited for, `follow`), and compared and scored there. Works
under live traffic; nothing is stopped, joined or written.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from aiokafka import TopicPartition

from stream_app.errors import VerificationFailed
from stream_app.jobs.builds.digests import Digested, Wanted, compared, digested
from stream_app.jobs.builds.findings import Findings
from stream_app.jobs.builds.follow import wait_for_equals
from stream_app.jobs.builds.known import Build, builds_among, the_build, topic_counts
from stream_app.jobs.builds.one_cut import Customers, Side, bring_to_one_cut
from stream_app.jobs.builds.positions import topics_of
from stream_app.jobs.builds.printing import print_findings
from stream_app.jobs.builds.scoring import Scorer, parameters_in_use
from stream_app.jobs.builds.suspects import Suspects, Views, empty_views, groups, read_suspects
from stream_app.jobs.changelog_reader import Advance
from stream_app.jobs.progress import Progress
from stream_app.jobs.verification.redis_side import chosen
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader, log_reader
from stream_app.wire.changelog import Watermark

SETTLE_SECONDS: Final = 10.0
"""How long builds that read different topics are followed, for each group of partitions."""
STATE_SETTINGS: Final = {
    "time_zone": "LTV_TIMEZONE",
    "currency": "LTV_CURRENCY",
    "partitioner": "LTV_PARTITIONER",
    "partitions": "LTV_PARTITIONS",
    "max_value": "LTV_MAX_VALUE",
    "state_version": "the state version",
    "tzdata": "the tzdata package",
}


def run(settings: Settings, builds: tuple[int, int], *, sample: int | None, as_json: bool) -> int:
    """Compare, print the findings; 0 when equal, 1 when not."""
    findings = asyncio.run(diff(settings, builds, sample=sample))
    print_findings(findings, settings.currency, as_json=as_json)
    return 0 if findings.equal else 1


async def diff(
    settings: Settings,
    builds: tuple[int, int],
    *,
    sample: int | None = None,
    settle_seconds: float = SETTLE_SECONDS,
) -> Findings:
    """Compare two builds.

    NotFound where one is not there, VerificationFailed where one has no state or what lies between
    the two is gone, SourceMismatch where topics are not those that a build was made from.
    """
    began = time.monotonic()
    there = builds_among(settings, await topic_counts(settings))
    pair = the_build(there, builds[0]), the_build(there, builds[1])
    async with log_reader(settings) as log:
        comparison = _Comparison(settings, log, pair, sample, settle_seconds)
        await comparison.run()
    comparison.findings.seconds = time.monotonic() - began
    return comparison.findings


class _Comparison:
    """One run: the builds, how to read them, and what was found so far."""

    def __init__(
        self,
        settings: Settings,
        log: LogReader,
        builds: tuple[Build, Build],
        sample: int | None,
        settle_seconds: float,
    ) -> None:
        self.findings = Findings(builds[0].number, builds[1].number, sample=sample)
        self._settings = settings
        self._log = log
        self._builds = builds
        self._settle_seconds = settle_seconds
        self._wanted: Wanted | None = None

    async def run(self) -> None:
        """Read both, compare, and look closely at who seems to differ."""
        total = await self._records()
        with Progress("reading both builds", "records", total) as progress:
            one, other = [
                await digested(self._log, build, progress.advance, self._choose)
                for build in self._builds
            ]
        _demand_state(one, other)
        _note_settings(one.marks, other.marks, self.findings)
        self.findings.equal_customers, numbers = compared(one, other)
        scorer = await self._scorer(one, other)
        self.findings.as_of, self.findings.model = scorer.as_of, _name(scorer)
        if not len(numbers):
            return
        suspects = Suspects(numbers)
        with Progress("comparing those who differ", "records", total) as progress:
            for parts in groups(one, other):
                pair = await self._states((one, other), parts, suspects, progress.advance)
                self.findings.compare(*pair, scorer)

    async def _records(self) -> int:
        """How many records both changelogs have, about."""
        places = [
            TopicPartition(build.topic, number)
            for build in self._builds
            for number in range(build.partitions)
        ]
        starts, ends = await self._log.starts(places), await self._log.ends(places)
        return sum(ends[place] - starts[place] for place in places)

    def _choose(self, customers: int) -> Wanted:
        """The same customers of both builds: chosen by the size of the first."""
        if self._wanted is None:
            self._wanted = chosen(self.findings.sample, customers)
        return self._wanted

    async def _scorer(self, one: Digested, other: Digested) -> Scorer:
        as_of = self._settings.as_of_seconds
        if self._settings.as_of_event_time:
            marks = [*one.marks.values(), *other.marks.values()]
            as_of = max(mark.max_at_us for mark in marks) // 1_000_000
        now = int(time.time()) if as_of is None else as_of
        return Scorer(self._settings, now, await parameters_in_use(self._settings))

    async def _states(
        self,
        sides: tuple[Digested, Digested],
        parts: tuple[list[int], list[int]],
        suspects: Suspects,
        advance: Advance,
    ) -> tuple[Customers, Customers]:
        """The suspects of some partitions, as both builds have them at one position."""
        one, other = (empty_views(numbers) for numbers in parts)
        for side, views in zip(sides, (one, other), strict=True):
            await read_suspects(self._log, side.build.topic, views, suspects, advance)
        if self._one_log(*sides):
            return await self._at_one_cut(one, other, suspects, advance)
        read = (sides[0].build.topic, one), (sides[1].build.topic, other)
        settled, pair = await wait_for_equals(
            self._log, read, suspects, self._settle_seconds, advance
        )
        self.findings.equal_customers += settled
        self.findings.settled += settled
        return pair

    def _one_log(self, one: Digested, other: Digested) -> bool:
        """Whether both were built from the topics of our settings, so that offsets compare."""
        topics = topics_of(one.marks) | topics_of(other.marks)
        same_counts = one.build.partitions == other.build.partitions
        return same_counts and topics <= set(self._settings.source_topics)

    async def _at_one_cut(
        self, one: Views, other: Views, suspects: Suspects, advance: Advance
    ) -> tuple[Customers, Customers]:
        sides = Side(self._settings, one, _marks(one)), Side(self._settings, other, _marks(other))

        def advance_folding(records: int) -> None:
            self.findings.folded += records
            advance(records)

        topics = self._settings.source_topics
        await bring_to_one_cut(self._log, topics, *sides, suspects, advance_folding)
        return sides[0].customers(), sides[1].customers()


def _marks(views: Views) -> dict[int, Watermark]:
    return {number: view.watermark for number, view in views.items() if view.watermark is not None}


def _name(scorer: Scorer) -> str | None:
    return scorer.parameters.id if scorer.parameters is not None else None


def _demand_state(*sides: Digested) -> None:
    for side in sides:
        missing = sorted(set(range(side.build.partitions)) - side.marks.keys())
        if missing:
            raise VerificationFailed(
                f"Build {side.build.number} has no state in partition {missing[0]} of"
                f" {side.build.topic!r}: has its worker run?"
            )
        if any(mark.unfinished for mark in side.marks.values()):
            raise VerificationFailed(
                f"Build {side.build.number} is unfinished: give its ltv backfill or ltv replay"
                " again before it is compared."
            )


def _note_settings(
    one: dict[int, Watermark], other: dict[int, Watermark], findings: Findings
) -> None:
    """Say which of the settings that decide state are not the same."""
    mine, theirs = next(iter(one.values())), next(iter(other.values()))
    for name, variable in STATE_SETTINGS.items():
        was, now = getattr(mine, name), getattr(theirs, name)
        if name == "tzdata" and mine.counts_days_like(theirs):
            continue
        if was != now:
            findings.notes.append(
                f"build {findings.one} was built with {variable} {was!r}, build"
                f" {findings.other} with {now!r}"
            )
    findings.comparable = mine.currency == theirs.currency
    if not findings.comparable:
        findings.notes.append("money in two currencies can't be compared and is left out")
