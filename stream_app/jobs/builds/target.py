"""The build that is made: is its place free, and what an earlier try has left there.

While a backfill or a replay writes, every partition begins with a watermark that says so
(`History.finished` is false); the finished one comes last. So a try that died is told from a build
by its changelog alone, and is deleted by the next one. Nothing else is ever deleted.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from aiokafka import TopicPartition

from stream_app.errors import ConfigurationError
from stream_app.jobs.changelog_reader import ChangelogView
from stream_app.settings import Settings
from stream_app.stores.groups import delete_topic, describe_group
from stream_app.stores.log_reader import LogReader
from stream_app.stores.topic_plan import Role
from stream_app.stores.topics import TopicReport, admin_client, ensure_topics
from stream_app.wire.changelog import CLAIM_KEY, WATERMARK_KEY, Watermark

_TAIL: Final = 1_000
"""Records at the end of a partition among which a build in use has a watermark."""
_GRACE_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.5
_CHANGELOG: Final[tuple[Role, ...]] = ("changelog",)


async def check_target(settings: Settings, log: LogReader) -> bool:
    """Whether an unfinished try has to be deleted first; `settings` are those of the new build.

    ConfigurationError where a topic is wrong or the build's place is taken.
    """
    report = await ensure_topics(settings, create=False)
    for problem in report.problems:
        if problem.topic != settings.changelog_topic:
            raise ConfigurationError(problem.sentence)
    await _check_group(settings)
    topic = report.topics.get("changelog")
    if topic is None:
        return False
    places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    starts, ends = await log.starts(places), await log.ends(places)
    for place in places:
        if await _is_unfinished(log, place, starts[place], ends[place]):
            return True
    if any(ends.values()):
        raise ConfigurationError(
            f"Build {settings.build} exists: its changelog {topic.name} has"
            f" {sum(ends[one] - starts[one] for one in places):,} records. Nothing was written;"
            " choose another build with --into."
        )
    _raise_problem(report)
    return False


async def _check_group(settings: Settings) -> None:
    """Nobody works in the build's group; one that died is in it until its session has ended."""
    deadline = time.monotonic() + settings.session_seconds + _GRACE_SECONDS
    while members := await _members(settings):
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"{members} worker{'s' if members > 1 else ''} of build {settings.build} (group"
                f" {settings.group}) run: stop them, or choose another build with --into."
            )
        await asyncio.sleep(_LOOK_SECONDS)


async def _members(settings: Settings) -> int:
    """How many workers are in the build's group now."""
    async with admin_client(settings) as admin:
        return (await describe_group(admin, settings.group)).members


async def begin_anew(settings: Settings, *, delete: bool) -> None:
    """An empty changelog, made as a worker makes it."""
    if delete:
        async with admin_client(settings) as admin:
            await delete_topic(admin, settings.changelog_topic)
    _raise_problem(await ensure_topics(settings, create=True, roles=_CHANGELOG))


def _raise_problem(report: TopicReport) -> None:
    """What a worker of the build would refuse."""
    if report.problems:
        raise ConfigurationError(report.problems[0].sentence)


async def _is_unfinished(log: LogReader, place: TopicPartition, start: int, end: int) -> bool:
    """Whether the last watermark of a partition is that of a backfill which has not ended."""
    if start >= end:
        return False
    # A build that is not a backfill says so at its first record; a finished one near its end.
    first = await _watermark(log, place, start, start + 1)
    if first is None or not first.unfinished:
        return False
    last = await _watermark(log, place, max(start, end - _TAIL), end)
    if last is None:
        last = await _watermark(log, place, start, end)
    return last is not None and last.unfinished


async def _watermark(
    log: LogReader, place: TopicPartition, start: int, end: int
) -> Watermark | None:
    view = ChangelogView(place.partition)
    async for _, records, _ in log.read({place: start}, {place: end}):
        view.add(one for one in records if one.key in (WATERMARK_KEY, CLAIM_KEY))
    return view.watermark
