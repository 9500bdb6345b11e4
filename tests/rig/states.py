"""States as their bytes: two of them are the same, or they are not."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka import TopicPartition

from stream_app.jobs.changelog_reader import ChangelogView, read_on
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.wire.state import decode
from tests.rig.judge import Judge

State = dict[bytes, bytes]
"""Facts by customer: what must be equal, byte for byte; where they lie is apart."""


def state_of(judge: Judge) -> State:
    """As the judge has read it."""
    return _facts(judge.views.values())


async def state_in(settings: Settings) -> State:
    """As it is in a build's changelog now."""
    log = LogReader(settings)
    await log.start()
    try:
        views = [ChangelogView(number) for number in range(settings.partitions)]
        topic = settings.changelog_topic
        ends = await log.ends([TopicPartition(topic, view.number) for view in views])
        for view in views:
            await read_on(log, topic, view, ends[TopicPartition(topic, view.number)])
    finally:
        await log.stop()
    return _facts(views)


def unlike(ours: State, theirs: State) -> list[bytes]:
    """Customers whose facts are not the same."""
    return sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))


def _facts(views: Iterable[ChangelogView]) -> State:
    return {
        key: decode(version.body).facts for view in views for key, version in view.customers.items()
    }
