"""`ltv diff`: do two builds know the same of every customer?

Both changelogs are read, and every customer becomes two numbers (`digests`). Those who are not in
both with the same facts are read once more (`suspects`), brought to one cut (`one_cut`; where the
builds read different topics they are waited for, `follow`), and compared and scored there. Works
under live traffic; nothing is stopped, joined or written.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

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
from stream_app.jobs.progress import Progress
from stream_app.jobs.verification.redis_side import chosen
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
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
    log = LogReader(settings)
    await log.start()
    try:
        comparison = _Comparison(settings, log, pair, sample, settle_seconds)
        findings = await comparison.run()
    finally:
        await log.stop()
    findings.seconds = time.monotonic() - began
    return findings


@dataclass
class _Comparison:
    settings: Settings
    log: LogReader
    builds: tuple[Build, Build]
    sample: int | None
    settle_seconds: float
    _wanted: Wanted | None = None

    async def run(self) -> Findings:
        findings = Findings(self.builds[0].number, self.builds[1].number, sample=self.sample)
        with Progress("comparing", "records") as progress:
            one = await digested(self.log, self.builds[0], progress.advance, self._choose)
            other = await digested(self.log, self.builds[1], progress.advance, self._choose)
            _demand_state(one, other)
            _note_settings(one.marks, other.marks, findings)
            findings.equal_customers, numbers = compared(one, other)
            scorer = await self._scorer(one, other)
            findings.as_of, findings.model = scorer.as_of, _name(scorer)
            if len(numbers):
                suspects = Suspects(numbers)
                for parts in groups(one, other):
                    await self._compare((one, other), parts, suspects, scorer, findings, progress)
        return findings

    def _choose(self, customers: int) -> Wanted:
        """The same customers of both builds: chosen by the size of the first."""
        if self._wanted is None:
            self._wanted = chosen(self.sample, customers)
        return self._wanted

    async def _scorer(self, one: Digested, other: Digested) -> Scorer:
        as_of = self.settings.as_of_seconds
        if self.settings.as_of_event_time:
            marks = [*one.marks.values(), *other.marks.values()]
            as_of = max(mark.max_at_us for mark in marks) // 1_000_000
        now = int(time.time()) if as_of is None else as_of
        return Scorer(self.settings, now, await parameters_in_use(self.settings))

    async def _compare(
        self,
        sides: tuple[Digested, Digested],
        parts: tuple[list[int], list[int]],
        suspects: Suspects,
        scorer: Scorer,
        findings: Findings,
        progress: Progress,
    ) -> None:
        """Compare the suspects of some partitions."""
        views: list[Views] = []
        for side, numbers in zip(sides, parts, strict=True):
            views.append(empty_views(numbers))
            topic = side.build.topic
            await read_suspects(self.log, topic, views[-1], suspects, progress.advance)
        if self._one_log(*sides):
            found = await self._at_one_cut(views, suspects, findings, progress)
        else:
            topics = [side.build.topic for side in sides]
            settled, (one, other) = await wait_for_equals(
                self.log,
                dict(zip(topics, views, strict=True)),
                suspects,
                self.settle_seconds,
                progress.advance,
            )
            findings.equal_customers += settled
            findings.settled += settled
            found = one, other
        findings.compare(*found, scorer)

    def _one_log(self, one: Digested, other: Digested) -> bool:
        """Whether both were built from the topics of our settings, so that offsets compare."""
        topics = topics_of(one.marks) | topics_of(other.marks)
        same_counts = one.build.partitions == other.build.partitions
        return same_counts and topics <= set(self.settings.source_topics)

    async def _at_one_cut(
        self, views: list[Views], suspects: Suspects, findings: Findings, progress: Progress
    ) -> tuple[Customers, Customers]:
        one, other = (Side(self.settings, each, _marks(each)) for each in views)

        def advance(records: int) -> None:
            findings.folded += records
            progress.advance(records)

        topics = self.settings.source_topics
        await bring_to_one_cut(self.log, topics, one, other, suspects, advance)
        return one.customers(), other.customers()


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


def _note_settings(
    one: dict[int, Watermark], other: dict[int, Watermark], findings: Findings
) -> None:
    """Say which of the settings that decide state are not the same."""
    mine, theirs = next(iter(one.values())), next(iter(other.values()))
    for name, variable in STATE_SETTINGS.items():
        was, now = getattr(mine, name), getattr(theirs, name)
        if was != now:
            findings.notes.append(
                f"build {findings.one} was built with {variable} {was!r}, build"
                f" {findings.other} with {now!r}"
            )
    findings.comparable = mine.currency == theirs.currency
    if not findings.comparable:
        findings.notes.append("money in two currencies can't be compared and is left out")
