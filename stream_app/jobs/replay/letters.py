"""The dead letters of a build that is made by a replay: those that no worker has written yet.

A state's refusals have their letters, or `ltv verify` says so. Most are there already, for the
worker of the build that runs has read the same records.
"""

from __future__ import annotations

from typing import Any

from stream_app.jobs.changelog_reader import partition_counts
from stream_app.jobs.send.outbox import Outbox
from stream_app.jobs.verification.dead_letters import read_letters
from stream_app.settings import Settings
from stream_app.stores.log_reader import log_reader
from stream_app.wire import dead_letter
from stream_app.wire.refusal import Refusal


class MissingLetters:
    """Writes the letters that are not there."""

    def __init__(self, settings: Settings, outbox: Outbox) -> None:
        self._topic = settings.topic_dead_letters
        self._outbox = outbox
        self._partitions = 0
        self._there: set[tuple[str, int, int]] = set()

    async def look(self, settings: Settings) -> None:
        """Which letters there are."""
        counts = await partition_counts(settings, self._topic)
        self._partitions = counts[self._topic]
        async with log_reader(settings) as log:
            self._there = set(await read_letters(log, self._topic, self._partitions))

    async def put(self, record: Any, refusal: Refusal) -> None:
        """The letter of a record, unless it is there."""
        if (record.topic, record.partition, record.offset) in self._there:
            return
        await self._outbox.add(
            self._topic,
            record.partition % self._partitions,
            record.key,
            record.value,
            dead_letter.headers(record, refusal),
        )

    async def settle(self) -> None:
        """Wait until all that were put are acknowledged."""
        await self._outbox.settle()
