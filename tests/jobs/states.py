"""A build's customers, as its changelog has them now."""

from __future__ import annotations

import asyncio

from aiokafka import TopicPartition

from stream_app.jobs.changelog_reader import ChangelogView, read_on
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader


def views_of(settings: Settings) -> list[ChangelogView]:
    """Every partition, read to its end."""

    async def read() -> list[ChangelogView]:
        log = LogReader(settings)
        await log.start()
        try:
            views = [ChangelogView(number) for number in range(settings.partitions)]
            places = [TopicPartition(settings.changelog_topic, one.number) for one in views]
            ends = await log.ends(places)
            for view, place in zip(views, places, strict=True):
                await read_on(log, settings.changelog_topic, view, ends[place])
            return views
        finally:
            await log.stop()

    return asyncio.run(read())


def states_of(settings: Settings) -> dict[bytes, bytes]:
    """The encoded state of each customer."""
    return {
        key: version.body for view in views_of(settings) for key, version in view.customers.items()
    }
