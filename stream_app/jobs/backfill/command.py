"""`ltv backfill` as a whole: look, read, and only then write.

1. Everything that could forbid it is looked at: topics, the build's place, the cut.
2. The history is read and judged, all of it, on this machine.
3. The states are written as the new build's changelog; its watermarks come last.

The build that publishes is never touched: what is written to is an empty changelog, made here.
"""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from stream_app import failpoints
from stream_app.errors import ConfigurationError, UsageError
from stream_app.jobs.backfill.cut import Cut, find_cut
from stream_app.jobs.backfill.folding import Entry, Folding
from stream_app.jobs.backfill.marks import watermarks_of
from stream_app.jobs.backfill.odd import RefusedFile
from stream_app.jobs.backfill.order import Order, duration_us
from stream_app.jobs.backfill.reading import Read, read_history
from stream_app.jobs.backfill.showing import Outcome, print_outcome, show_sources
from stream_app.jobs.backfill.sources import Source, open_sources
from stream_app.jobs.backfill.staging import Columns, Staging
from stream_app.jobs.builds.target import begin_anew, check_target
from stream_app.jobs.builds.writing import Snapshot
from stream_app.jobs.moments import instant_us
from stream_app.jobs.progress import Progress
from stream_app.jobs.send.columns import parse_mapping
from stream_app.jobs.send.messages import require_currency
from stream_app.settings import Settings
from stream_app.stores.log_reader import log_reader

DAY_US: Final = 86_400_000_000
LATENESS_US: Final = DAY_US
"""With event ids an overlap costs nothing but time."""
REFUSED: Final = 2


def run(settings: Settings, order: Order, *, as_json: bool) -> int:
    """Make the build; print the outcome; return the exit code."""
    began = time.monotonic()
    failpoints.arm(settings.failpoint)
    build = order.into if order.into is not None else settings.build + 1
    backfill = _Backfill(dataclasses.replace(settings, build=build), order)
    with tempfile.TemporaryDirectory(prefix="ltv-backfill-", dir=order.directory) as name:
        try:
            written = backfill.run(Path(name))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"Interrupted: build {build} is not made; the same command begins anew."
            ) from None
    backfill.outcome.seconds = time.monotonic() - began
    print_outcome(backfill.outcome, settings, as_json=as_json)
    return 0 if written else REFUSED


class _Backfill:
    """One run; `settings` are those of the new build."""

    def __init__(self, settings: Settings, order: Order) -> None:
        require_currency(settings)
        if settings.partitioner == "trust":
            raise ConfigurationError(
                "LTV_PARTITIONER=trust does not say in which partition a customer's stream lies, so"
                " a history can't be put there; name the producers' partitioner."
            )
        self._settings = settings
        self._order = order
        self._until_us = instant_us(order.until, settings.time_zone, "--until")
        if self._until_us > time.time() * 1_000_000:
            raise UsageError(
                f"--until {order.until} lies in the future: what will have happened by then is in"
                " no history yet."
            )
        self._mapping = parse_mapping(order.mapping)
        self.outcome = Outcome(
            build=settings.build,
            changelog=settings.changelog_topic,
            until_us=self._until_us,
            lateness_us=0,
            dry_run=order.dry_run,
        )

    def run(self, directory: Path) -> bool:
        """Whether all that was asked for is done; False where rows were refused."""
        with closing(Staging(directory, self._settings)) as staging:
            sources = open_sources(
                self._order.history, self._order.kind, self._mapping, staging.connection
            )
            show_sources(sources, self._settings)
            self.outcome.lateness_us = self._lateness_us(sources)
            cut = asyncio.run(self._look())
            refused = RefusedFile(self._order.refused or _beside(sources))
            with closing(refused):
                read = read_history(staging, sources, self._settings, directory, refused)
            self._check_ids(read)
            self._note(read, refused)
            folding = Folding(self._settings, self._until_us, [one.with_ids for one in sources])
            good = not refused.rows or self._order.skip_refused
            if self._order.dry_run or not good:
                asyncio.run(self._only_fold(staging, read, folding))
            else:
                asyncio.run(self._write(staging, read, folding, cut))
            self._sum_up(folding)
            return good

    def _lateness_us(self, sources: Sequence[Source]) -> int:
        """How far the stream overlaps the history; UsageError where it may not."""
        without = [one.name for one in sources if not one.with_ids and one.kind != "activity"]
        asked = self._order.lateness
        if asked is None:
            return 0 if without else LATENESS_US
        lateness_us = duration_us(asked)
        if lateness_us and without:
            raise UsageError(
                f"--lateness {asked} needs event ids, by which what is in history and stream"
                f" alike is known, and {without[0]} has none: name their column with --event-id,"
                " or take --lateness 0 for a history that ends exactly where the stream begins."
            )
        return lateness_us

    def _check_ids(self, read: Read) -> None:
        if read.without_id and self.outcome.lateness_us:
            raise UsageError(
                f"{read.without_id:,} rows have no event id, so the stream may not overlap the"
                " history: take --lateness 0 if it begins exactly where the history ends."
            )

    async def _look(self) -> Cut:
        """Everything that could forbid it, before the history is read."""
        async with log_reader(self._settings) as log:
            await check_target(self._settings, log)
            cut = await find_cut(self._settings, log, self._until_us, self.outcome.lateness_us)
            ends = await log.ends(cut.positions)
            self.outcome.to_stream = cut.left(ends)
        for place, position in cut.positions.items():
            offsets = self.outcome.starts.setdefault(place.topic, {})
            offsets[str(place.partition)] = position.next_offset
        return cut

    def _note(self, read: Read, refused: RefusedFile) -> None:
        self.outcome.rows = read.rows
        self.outcome.without_id = read.without_id
        self.outcome.reasons = dict(refused.reasons.most_common())
        self.outcome.refused_file = str(refused.path) if refused.rows else None

    async def _only_fold(self, staging: Staging, read: Read, folding: Folding) -> None:
        with Progress("folding", "customers") as progress:
            async for entries in _folded(staging, read, folding):
                progress.advance(len(entries))

    async def _write(self, staging: Staging, read: Read, folding: Folding, cut: Cut) -> None:
        settings = self._settings
        async with log_reader(self._settings) as log:
            delete = await check_target(settings, log)  # hours may have passed
            await begin_anew(settings, delete=delete)
            async with Snapshot.begun(settings, log, cut.until_us) as snapshot:
                with Progress(f"writing build {settings.build}", "customers") as progress:
                    done = 0
                    async for entries in _folded(staging, read, folding):
                        for entry in entries:
                            await snapshot.add(entry.partition, entry.key, entry.state)
                        done += 1
                        progress.advance(len(entries), done / read.buckets)
                        failpoints.hit("backfill_bucket")
                    refused = self.outcome.refused
                    marks = watermarks_of(settings, cut, folding.counted, refused)
                    await snapshot.finish(marks)
        self.outcome.written = True

    def _sum_up(self, folding: Folding) -> None:
        outcome = self.outcome
        for counted in folding.counted:
            outcome.applied += sum(counted.applied)
            outcome.duplicate += sum(counted.duplicate)
            outcome.customers += counted.customers
            outcome.net_minor += counted.net_minor
        outcome.past_the_cut = folding.past_the_cut


async def _folded(staging: Staging, read: Read, folding: Folding) -> AsyncIterator[list[Entry]]:
    """The customers of each bucket; the next one is read while one is written."""
    ahead = asyncio.create_task(asyncio.to_thread(staging.bucket, 0))
    try:
        for number in range(read.buckets):
            columns: Columns = await ahead
            if number + 1 < read.buckets:
                ahead = asyncio.create_task(asyncio.to_thread(staging.bucket, number + 1))
            yield list(folding.fold(columns, partial(staging.whole, number)))
    finally:
        await asyncio.gather(ahead, return_exceptions=True)


def _beside(sources: Sequence[Source]) -> Path:
    """Where refused rows go unless told: beside the first file."""
    path = next((one.path for one in sources if one.path is not None), None)
    if path is None:
        return Path("history.refused.csv")
    return path.with_name(f"{path.name.partition('.')[0]}.refused.csv")
