"""`ltv replay` as a whole: look, fold in processes of their own, tell.

The span is captured once; everything that could forbid the replay is said before a record is read.
A new build is marked as unfinished first and gets its watermarks last, as by a backfill.
"""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
import time
from pathlib import Path

from stream_app import failpoints
from stream_app.jobs.builds.scoring import parameters_in_use
from stream_app.jobs.builds.target import begin_anew, check_target
from stream_app.jobs.builds.writing import Snapshot, new_maker
from stream_app.jobs.interrupts import interruptible
from stream_app.jobs.moments import instant_us
from stream_app.jobs.progress import Progress
from stream_app.jobs.replay import processes
from stream_app.jobs.replay.checkpoint import has_states, open_checkpoint
from stream_app.jobs.replay.order import Order
from stream_app.jobs.replay.showing import Replayed, print_replayed
from stream_app.jobs.replay.span import find_span
from stream_app.jobs.replay.table import join_parts, part_file
from stream_app.jobs.replay.target import Target, read_target
from stream_app.jobs.replay.work import Work
from stream_app.settings import Settings
from stream_app.stores.log_reader import log_reader


def run(settings: Settings, order: Order, *, as_json: bool) -> int:
    """Replay; print what came of it; return the exit code."""
    failpoints.arm(settings.failpoint)
    target = read_target(order, settings)
    if target.build is not None:
        settings = dataclasses.replace(settings, build=target.build)
    replayed = _Replay(settings, order, target).run()
    print_replayed(replayed, settings, as_json=as_json)
    return 0


class _Replay:
    """One run; `settings` are those of the new build, where one is made."""

    def __init__(self, settings: Settings, order: Order, target: Target) -> None:
        self._settings = settings
        self._order = order
        self._target = target
        self._now_us = time.time_ns() // 1_000
        self._maker = new_maker()
        as_of = self._now_us // 1_000_000
        if order.as_of is not None:
            as_of = instant_us(order.as_of, settings.time_zone, "--as-of") // 1_000_000
        self._as_of = as_of
        self._begun = False
        """Whether the new build may have been begun, which then is unfinished."""

    def run(self) -> Replayed:
        """Everything, in order."""
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="ltv-replay-", dir=self._beside()) as name:
            work = asyncio.run(self._look(Path(name)))
            try:
                with interruptible():
                    ran = self._fold(work)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(self._interrupted()) from None
            if self._target.file is not None:
                parts = [part_file(work.directory, one) for one in work.partitions]
                join_parts(parts, work.directory / "whole.parquet", self._target.file)
        return Replayed(
            target=self._target,
            span=work.span,
            outcomes=ran.outcomes,
            as_of=self._as_of,
            model=work.parameters.id if work.parameters is not None else None,
            processes=ran.processes,
            cpu_seconds=ran.cpu_seconds,
            seconds=time.monotonic() - began,
        )

    def _beside(self) -> Path | None:
        """Parts of a file go to its own disk, else where temporary files go."""
        return self._target.file.parent if self._target.file is not None else None

    def _interrupted(self) -> str:
        left = f", {self._target.name} is unfinished" if self._begun else ""
        if self._order.checkpoint is not None and has_states(self._order.checkpoint):
            return (
                f"Interrupted: what was folded is kept in {self._order.checkpoint}{left};"
                " the same command goes on from there."
            )
        if self._begun:
            return f"Interrupted{left}; the same command makes it anew."
        if self._order.checkpoint is not None:
            return "Interrupted before anything was folded; the same command begins."
        return "Interrupted: nothing was kept; --checkpoint DIRECTORY would have."

    async def _look(self, directory: Path) -> Work:
        async with log_reader(self._settings) as log:
            span = await find_span(self._settings, log, self._order.begin, self._order.end)
            if self._target.kind == "build":
                await check_target(self._settings, log)
        if self._order.checkpoint is not None:
            span = open_checkpoint(self._order.checkpoint, self._settings, span, self._target)
        parameters = await parameters_in_use(self._settings)
        return Work(
            settings=self._settings,
            span=span,
            partitions=tuple(span.partitions),
            target=self._target,
            as_of=self._as_of,
            parameters=parameters,
            checkpoint=self._order.checkpoint,
            rate=self._order.rate,
            directory=directory,
        )

    def _fold(self, work: Work) -> processes.Ran:
        if self._target.kind == "build":
            return self._build(work)
        return self._in_processes(work)

    def _in_processes(self, work: Work) -> processes.Ran:
        total = sum(work.span.records(number) for number in work.span.partitions)
        what = "replaying" if self._target.kind != "build" else f"making {self._target.name}"
        with Progress(what, "records", total) as progress:
            return processes.run(work, self._order.processes, progress.advance)

    def _build(self, work: Work) -> processes.Ran:
        """A changelog as a backfill makes one; the processes write its customers.

        In three steps and not in one event loop, for a signal has to reach the processes at once.
        """
        asyncio.run(self._begin())
        ran = self._in_processes(work)
        asyncio.run(self._finish(ran))
        return ran

    async def _begin(self) -> None:
        async with log_reader(self._settings) as log:
            delete = await check_target(self._settings, log)
            self._begun = True
            await begin_anew(self._settings, delete=delete)
            async with Snapshot.begun(self._settings, log, self._now_us, self._maker):
                pass

    async def _finish(self, ran: processes.Ran) -> None:
        written = {one.number: one.written for one in ran.outcomes}
        marks = {one.number: one.watermark for one in ran.outcomes}
        async with (
            log_reader(self._settings) as log,
            Snapshot.continued(self._settings, log, self._now_us, self._maker, written) as snapshot,
        ):
            await snapshot.finish(marks)
