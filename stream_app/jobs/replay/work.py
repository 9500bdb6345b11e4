"""What one process does: fold some partitions, one after the other, and tell what each came to.

Only one partition's customers are in memory at a time. The fold is the worker's own; what a worker
does beside it (claim, append each slice, publish) is left out.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiokafka import TopicPartition

from stream_app import failpoints
from stream_app.core.models.parameters import ModelParameters
from stream_app.errors import SourceMismatch
from stream_app.jobs.builds.one_cut import rules_of
from stream_app.jobs.replay import checkpoint
from stream_app.jobs.replay.checkpoint import Folded
from stream_app.jobs.replay.destination import Destination
from stream_app.jobs.replay.letters import MissingLetters
from stream_app.jobs.replay.result import Outcome
from stream_app.jobs.replay.span import Span
from stream_app.jobs.replay.table import Scored
from stream_app.jobs.replay.target import Target
from stream_app.jobs.send.pace import Pace
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.wire.beginning import nothing_yet
from stream_app.wire.changelog import Watermark
from stream_app.worker.fold import fold
from stream_app.worker.partition import Partition
from stream_app.worker.source import other_record

CHECKPOINT_SECONDS: Final = 5.0
CHECKPOINT_SHARE: Final = 0.05
"""At most so much of the time goes into keeping what is folded."""
SLICE: Final = 2_000
"""Records folded at once: few enough that a stop is heard at once."""


@dataclass(frozen=True)
class Work:
    """One process's share."""

    settings: Settings
    """Those of the new build, where one is made."""
    span: Span
    partitions: tuple[int, ...]
    target: Target
    as_of: int
    """When scores hold, Unix seconds."""
    parameters: ModelParameters | None
    checkpoint: Path | None
    rate: float | None
    """Records a second of this process."""
    directory: Path
    """Where parts of a file go."""


Tell = Callable[[Any], None]
"""Says to the process that asked: an int, so many records more; an `Outcome`."""


class Stopped(Exception):
    """A stop was asked for; the checkpoint, where there is one, is up to date."""


def do(work: Work, tell: Tell) -> None:
    """All of it; `Stopped` when a signal came first."""
    failpoints.arm(work.settings.failpoint)
    asyncio.run(_Folding(work, tell).run())


class _Folding:
    """One process's run."""

    def __init__(self, work: Work, tell: Tell) -> None:
        self._work = work
        self._tell = tell
        self._settings = work.settings
        self._stopping = False
        self._log = LogReader(work.settings)
        self._scored = Scored(work.settings, work.as_of, work.parameters)
        self._pace = Pace(work.rate, time.monotonic)

    async def run(self) -> None:
        """Every partition in its turn."""
        loop = asyncio.get_running_loop()
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(one, self._stop)
        await self._log.start()
        try:
            async with Destination(self._work.target, self._settings, self._work.directory) as to:
                for number in self._work.partitions:
                    self._tell(await self._partition(number, to))
        finally:
            await self._log.stop()

    def _stop(self) -> None:
        self._stopping = True

    async def _partition(self, number: int, to: Destination) -> Outcome:
        kept = checkpoint.load(self._work.checkpoint, number) if self._work.checkpoint else None
        if kept is not None:
            await self._check_log(number, kept.watermark)
        folded = kept or Folded(nothing_yet(self._settings), {}, {})
        reading = _Reading(self._work, number, folded, to.letters, self._tell)
        await self._read(reading)
        table = self._scored.table(folded.customers)
        written = await to.take(number, folded, table)
        return Outcome(
            number, folded.watermark, folded.refused, table.digests, table.totals, written
        )

    async def _check_log(self, number: int, kept: Watermark) -> None:
        """What is kept must be of these very records: a topic may have been made anew since."""
        places = [TopicPartition(topic, number) for topic in kept.sources]
        other = await other_record(self._log, kept, await self._log.starts(places))
        if other is not None:
            raise SourceMismatch(
                f"--checkpoint {self._work.checkpoint} does not fit the log any more ({other}):"
                " name another directory, or remove this one to begin anew"
            )

    async def _read(self, reading: _Reading) -> None:
        """To the end of the span; `Stopped` as soon as what is folded is kept."""
        async for place, records, done in self._log.read(reading.at, reading.ends):
            size = self._pace.slice_size(SLICE)  # short sleeps: a stop has to be heard
            for first in range(0, len(records), size):
                some = records[first : first + size]
                await reading.take(place, some)
                await self._pace.passed(len(some))
                if self._stopping:
                    await reading.keep()
                    raise Stopped
            if done:
                reading.ended(place)
            await reading.keep_now_and_then()
        await reading.keep()


class _Reading:
    """One partition while it is folded."""

    def __init__(
        self,
        work: Work,
        number: int,
        folded: Folded,
        letters: MissingLetters | None,
        tell: Tell,
    ) -> None:
        self._number = number
        self._folded = folded
        self._letters = letters
        self._tell = tell
        self._directory = work.checkpoint
        self._next = time.monotonic() + CHECKPOINT_SECONDS
        self._refused = Counter(folded.refused)
        self._partition = Partition(
            number, 0, folded.watermark, 0, acknowledged={}, customers=folded.customers
        )
        self._rules = rules_of(work.settings, folded.watermark)
        self.at, self.ends = work.span.of(number)
        """Offsets to go on from, and to end at."""
        for place in self.at:
            self._reached(place, self._partition.position(place.topic))

    async def take(self, place: TopicPartition, records: Sequence[Any]) -> None:
        """Fold records of one topic."""
        result = fold(self._partition, place.topic, records, self._rules)
        for record, refusal in result.letters:
            self._refused[refusal.reason.value] += 1
            if self._letters is not None:
                await self._letters.put(record, refusal)
        self._reached(place, result.next_offset)

    def ended(self, place: TopicPartition) -> None:
        """Nothing is left; compaction and transactions leave gaps before the end."""
        self._reached(place, self.ends[place])

    async def keep_now_and_then(self) -> None:
        """Keep what is folded, unless that was done a moment ago."""
        if self._directory is not None and time.monotonic() > self._next:
            await self.keep()

    async def keep(self) -> None:
        """Everything folded so far; its letters are written before."""
        began = time.monotonic()
        if self._letters is not None:
            await self._letters.settle()
        self._folded.watermark = self._partition.watermark
        self._folded.refused = dict(self._refused)
        if self._directory is not None:
            checkpoint.save(self._directory, self._number, self._folded)
        now = time.monotonic()
        self._next = now + max(CHECKPOINT_SECONDS, (now - began) / CHECKPOINT_SHARE)

    def _reached(self, place: TopicPartition, offset: int) -> None:
        if offset > self.at[place]:
            self._tell(offset - self.at[place])
            self.at[place] = offset
