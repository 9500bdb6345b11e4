"""Where a process puts the states of a partition: nowhere, a part of a file, a changelog."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from stream_app import failpoints
from stream_app.jobs.builds.writing import ADVICE, HEAD
from stream_app.jobs.replay.checkpoint import Folded
from stream_app.jobs.replay.letters import MissingLetters
from stream_app.jobs.replay.table import Table, part_file, write_part
from stream_app.jobs.replay.target import Target
from stream_app.jobs.send.outbox import Outbox
from stream_app.settings import Settings
from stream_app.wire.state import encode


class Destination:
    """One process's; use it in an `async with`."""

    letters: MissingLetters | None = None
    """Of a new build."""

    def __init__(self, target: Target, settings: Settings, directory: Path) -> None:
        self._target = target
        self._settings = settings
        self._directory = directory
        self._open = AsyncExitStack()
        self._outbox: Outbox | None = None

    async def __aenter__(self) -> Self:
        if self._target.kind == "build":
            box = Outbox(self._settings, advice=ADVICE)
            self._outbox = await self._open.enter_async_context(box)
            self.letters = MissingLetters(self._settings, self._outbox)
            await self.letters.look(self._settings)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    async def take(self, number: int, folded: Folded, table: Table) -> int:
        """All customers of a partition; how many were written to a changelog, acknowledged."""
        if self._target.kind == "file":
            write_part(part_file(self._directory, number), number, table)
        if self._outbox is None:
            return 0
        topic = self._settings.changelog_topic
        for key, customer in folded.customers.items():
            await self._outbox.add(topic, number, key, HEAD + encode(customer))
        await self._outbox.settle()
        failpoints.hit("replay_partition")
        return len(folded.customers)
