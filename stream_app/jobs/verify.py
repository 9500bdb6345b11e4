"""`ltv verify`: is what the stream and Redis hold what the topics say?

For each partition: read the changelog to an end captured at the start; its watermark is the cut;
recount the topics from nothing to exactly that cut, with code of its own; compare every customer
and every count; compare Redis.  A state that began with a backfill is recounted from the same
history, where it is given, and from the topics from there on.  Works while traffic goes on: nothing
is stopped, joined or written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from aiokafka import TopicPartition
from msgspec import UNSET

from stream_app.errors import SourceMismatch, VerificationFailed
from stream_app.jobs.changelog_reader import ChangelogView, partition_counts, read_on
from stream_app.jobs.outputs import check_output
from stream_app.jobs.progress import Progress
from stream_app.jobs.recount.facts import RefusedRecord
from stream_app.jobs.verification.dead_letters import compare_letters, read_letters
from stream_app.jobs.verification.findings import Findings
from stream_app.jobs.verification.follow import Follower, Suspect
from stream_app.jobs.verification.history import HistoryOrder, HistoryRows
from stream_app.jobs.verification.printing import print_findings
from stream_app.jobs.verification.redis_side import RedisSide, chosen, unreachable
from stream_app.jobs.verification.rescoring import Rescoring
from stream_app.jobs.verification.sources import (
    Given,
    compare_counts,
    compare_streamed,
    history_of,
    recount_partition,
)
from stream_app.jobs.verification.state import compare_partly, compare_states
from stream_app.jobs.verification.textfile import write_metrics
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.stores.redis import TROUBLE
from stream_app.wire.changelog import Watermark

SETTLE_SECONDS = 10.0
"""How long a hash may be older than the state before it is called stale."""


@dataclass(frozen=True)
class Scope:
    """What to compare: everything, unless one side is left out or Redis is sampled."""

    state: bool = True
    redis: bool = True
    sample: int | None = None
    """Compare the hashes of so many customers instead of all; chosen by a hash of their ids."""
    settle_seconds: float = SETTLE_SECONDS
    history: HistoryOrder | None = None
    """The history that the state began with, as `ltv backfill` was given it."""


def run(
    settings: Settings,
    *,
    as_json: bool = False,
    sample: int | None = None,
    state_only: bool = False,
    redis_only: bool = False,
    history: HistoryOrder | None = None,
    metrics: Path | None = None,
) -> int:
    """Verify, print the findings; 0 when all is equal, 1 when anything differs."""
    scope = Scope(not redis_only, not state_only, sample, history=history)
    if metrics is not None:
        check_output("--metrics", metrics, replaced=True)
    findings = asyncio.run(verify(settings, scope))
    print_findings(findings, settings.currency, as_json=as_json)
    if metrics is not None:
        write_metrics(findings, metrics)
    return 0 if findings.equal else 1


async def verify(settings: Settings, scope: Scope | None = None) -> Findings:
    """Compare; the findings say whether all is equal.

    Raises ConfigurationError where a topic is missing, SourceMismatch where the state was built
    with other settings, VerificationFailed where there is no state, Unreachable where a server is
    away.
    """
    began, scope = time.monotonic(), scope or Scope()
    try:
        async with AsyncExitStack() as stack:
            verification = await _Verification.open(settings, scope, stack)
            await verification.compare()
    except TROUBLE as error:
        if not scope.redis:
            raise
        raise unreachable(settings, error) from error
    verification.findings.seconds = time.monotonic() - began
    return verification.findings


class _Verification:
    """One run: its connections, the partitions as they are read, what was found."""

    def __init__(self, settings: Settings, scope: Scope, partitions: int, log: LogReader) -> None:
        self.findings = Findings(build=settings.build)
        self._settings = settings
        self._scope = scope
        self._partitions = partitions
        self._log = log
        self._redis: RedisSide | None = None
        self._views = {number: ChangelogView(number) for number in range(partitions)}
        self._refused: list[RefusedRecord] = []
        self._suspects: dict[bytes, Suspect] = {}
        self._known: set[bytes] = set()
        self._begin: dict[int, Mapping[str, int]] = {}
        """By partition: the offsets from which a state that began with a history was streamed."""
        self._history: HistoryRows | None = None
        self._refused_rows = 0

    @classmethod
    async def open(cls, settings: Settings, scope: Scope, stack: AsyncExitStack) -> _Verification:
        """Connect to all that will be read; what is missing is one sentence."""
        topic = settings.changelog_topic
        counts = await partition_counts(settings, topic, *settings.source_topics)
        log = LogReader(settings)
        await log.start()
        stack.push_async_callback(log.stop)
        verification = cls(settings, scope, counts[topic], log)
        if scope.history is not None and scope.state:
            directory = stack.enter_context(TemporaryDirectory(prefix="ltv-verify-"))
            verification._history = HistoryRows(settings, scope.history, Path(directory))
            verification._history.read()
        if scope.redis:
            side = RedisSide(settings, Rescoring(settings))
            verification._redis = await stack.enter_async_context(side)
        return verification

    async def compare(self) -> None:
        """Partition by partition, then what needs all of them."""
        topic = self._settings.changelog_topic
        places = [TopicPartition(topic, number) for number in self._views]
        ends = await self._log.ends(places)
        with Progress("verifying", "records", await self._to_read(ends)) as progress:
            for place in places:
                view = self._views[place.partition]
                await read_on(self._log, topic, view, ends[place], progress.advance)
                await self._compare_partition(view, progress)
        if not self.findings.cut:
            raise VerificationFailed(
                f"there is no state yet: the changelog {topic!r} holds no watermark; has"
                " `ltv worker` run with these settings (LTV_APP_ID, LTV_BUILD)?"
            )
        if self._scope.state:
            self._compare_history()
            await self._compare_letters()
        await self._look_again()

    async def _to_read(self, ends: dict[TopicPartition, int]) -> int:
        """About how many records there are: all of the sources, to their ends of now."""
        names = self._settings.source_topics if self._scope.state else ()
        sources = [TopicPartition(name, number) for name in names for number in self._views]
        starts = await self._log.starts([*ends, *sources])
        to = ends | await self._log.ends(sources)
        return sum(to[place] - starts[place] for place in starts)

    async def _compare_partition(self, view: ChangelogView, progress: Progress) -> None:
        findings, watermark = self.findings, view.watermark
        findings.void_records += view.void
        if watermark is None:
            if view.customers:
                findings.problems.append(
                    f"changelog partition {view.number} has customers but no watermark"
                )
            return
        _check_settings(self._settings, watermark)
        if watermark.unfinished:
            raise VerificationFailed(
                f"build {self._settings.build} is unfinished: there is nothing to verify before it"
                " is made. Wait for what is making it, or give its ltv backfill or ltv replay again"
            )
        cut = {topic: _next_offset(watermark, topic) for topic in self._settings.source_topics}
        findings.cut[view.number] = cut
        if self._scope.state:
            await self._compare_state(view, watermark, cut, progress)
        else:
            findings.customers += len(view.customers)
        if self._redis is not None:
            # Of partitions that are read one by one, so the share is of those read so far.
            wanted = chosen(self._scope.sample, len(view.customers) * self._partitions)
            self._suspects |= await self._redis.compare(view, findings, wanted)
            self._known |= view.customers.keys()
        view.follow(())

    async def _compare_state(
        self, view: ChangelogView, watermark: Watermark, cut: dict[str, int], progress: Progress
    ) -> None:
        number, findings, history = view.number, self.findings, watermark.history
        given = None
        if history is not UNSET:
            self._begin[number] = history.starts
            self._refused_rows = history.refused
            if self._history is not None:
                given = Given(self._history, history.until_us)
        counted = await recount_partition(
            self._log, self._settings, number, self._begin.get(number, {}), cut, self._partitions,
            findings, progress.advance, given,
        )  # fmt: skip
        if history is not UNSET and given is None:
            net = watermark.net_minor
            compare_partly(number, counted.customers, view.customers, net, findings)
            compare_streamed(number, counted, watermark, findings)
        else:
            compare_states(number, counted.customers, view.customers, findings)
            compare_counts(number, counted, watermark, findings)
        self._refused += [one for one in counted.refused if one.topic in cut]

    def _compare_history(self) -> None:
        """What is said of the history as a whole."""
        findings = self.findings
        if self._history is None:
            if self._begin:
                findings.notes.append(
                    "the state began with a history that never was in the topics: what came from it"
                    " was not recounted; give it as ltv backfill had it (--history)"
                )
            return
        if not self._begin:
            raise VerificationFailed(
                f"build {self._settings.build} did not begin with a history: leave --history out"
            )
        told = self._history.unreadable + sum(
            tally.refused
            for topic in self._settings.source_topics
            if (tally := findings.topics.get(history_of(topic))) is not None
        )
        if told != self._refused_rows:
            findings.problems.append(
                f"history: the backfill refused {self._refused_rows:,} rows, the recount {told:,}"
            )

    async def _compare_letters(self) -> None:
        topic = self._settings.topic_dead_letters
        counts = await partition_counts(self._settings, topic)
        found = await read_letters(self._log, topic, counts[topic])
        compare_letters(self._refused, found, self.findings.cut, self.findings, self._begin)

    async def _look_again(self) -> None:
        if self._redis is None:
            return
        async for stranger in self._redis.strangers(self._known):
            self._suspects[stranger] = Suspect(None)
        follower = Follower(
            self._log,
            self._settings.changelog_topic,
            self._views,
            self._redis.expectation,
            self.findings,
        )
        await follower.settle(self._suspects, seconds=self._scope.settle_seconds)


def _next_offset(watermark: Watermark, topic: str) -> int:
    source = watermark.sources.get(topic)
    return source.next_offset if source is not None else 0


def _check_settings(settings: Settings, watermark: Watermark) -> None:
    """The recount must use the settings that the state was built with."""
    for variable, ours, built in (
        ("LTV_CURRENCY", settings.currency, watermark.currency),
        ("LTV_TIMEZONE", settings.time_zone, watermark.time_zone),
        ("LTV_PARTITIONER", settings.partitioner, watermark.partitioner),
    ):
        if ours != built:
            raise SourceMismatch(
                f"the state was built with {variable}={built}, and this is {ours}: verify with the"
                " settings of the worker"
            )
