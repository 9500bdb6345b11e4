"""From sources to buckets: staged, what is odd judged, refused rows written down, sorted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from stream_app.errors import UsageError
from stream_app.jobs.backfill.odd import Judge, Judged, RefusedFile, RefusedRow
from stream_app.jobs.backfill.sources import Source
from stream_app.jobs.backfill.staging import Staging
from stream_app.jobs.progress import Progress
from stream_app.jobs.send.files import Row, open_source
from stream_app.settings import Settings

T = TypeVar("T")

UNREADABLE: Final = "unreadable"
_LOOK_SECONDS: Final = 0.1
_PERCENT: Final = 100
_AT_ONCE: Final = 1_000


@dataclass
class Read:
    """What was read."""

    rows: int = 0
    without_id: int = 0
    """Money events and signups whose identity is made of their content."""
    buckets: int = 0


def read_history(
    staging: Staging, sources: Sequence[Source], settings: Settings, directory: Path,
    refused: RefusedFile,
) -> Read:  # fmt: skip
    """Read every source into the staging's buckets; refused rows go to their file.

    UsageError where a source can't be read.
    """
    read, judged = Read(), Judged()
    spool = directory / "decoded.jsonl"
    with spool.open("wb") as out:
        for number, source in enumerate(sources):
            judge = Judge(settings, number, source, out, refused, judged)
            if source.relation is None:
                read.rows += _read_lines(source, judge)
            else:
                read.rows += _read_columns(staging, number, source, judge, refused)
                if source.column_of("event_id") is None:
                    read.without_id += staging.plain_with_identity(number)
    if judged.accepted:
        staging.take_decoded(spool)
    spool.unlink()
    read.without_id += judged.without_id
    with Progress("sorting by customer", "%", _PERCENT) as progress:
        columns = [n for n, source in enumerate(sources) if source.relation is not None]
        read.buckets = _watched(staging, lambda: staging.sort(columns), progress, _PERCENT)
        progress.done = _PERCENT
    return read


def _read_columns(
    staging: Staging, number: int, source: Source, judge: Judge, refused: RefusedFile
) -> int:
    """A source that DuckDB reads; returns how many rows it has, lines that are none included."""
    import duckdb

    total = source.rows or _PERCENT
    with Progress(f"reading {source.name}", "rows" if source.rows else "%", total) as progress:
        try:
            rows = _watched(staging, lambda: staging.stage(number, source), progress, total)
        except duckdb.Error as error:
            raise UsageError(
                f"{source.name} can't be read: {str(error).partition(chr(10))[0]}"
            ) from None
        progress.done, progress.unit, progress.total = rows, "rows", rows
    for reject in staging.rejects(source):
        refused.add(RefusedRow(source.name, reject.line, UNREADABLE, reject.why, reject.text))
        rows += 1
    fields = [field for field, _ in source.cells]
    odd = (
        Row(one.row, {field: cell for field, cell in zip(fields, one.cells, strict=True) if cell})
        for one in staging.odd(number)
    )
    _judge(judge, odd, f"judging unusual rows of {source.name}")
    return rows


def _read_lines(source: Source, judge: Judge) -> int:
    """A source of JSON lines, row by row."""
    assert source.path is not None
    with closing(open_source(source.path, source.kind, source.mapping)) as opened:
        return _judge(judge, opened.rows, f"reading {source.name}", opened.fraction)


def _judge(
    judge: Judge, rows: Iterator[Row], what: str, fraction: Callable[[], float] | None = None
) -> int:
    first = next(rows, None)
    if first is None:
        return 0
    done = 0
    with Progress(what, "rows") as progress:
        for done, _ in enumerate(judge.judge(_again(first, rows)), start=1):
            if done % _AT_ONCE == 0:
                progress.advance(_AT_ONCE, fraction() if fraction is not None else None)
        progress.done = done
    return done


def _again(first: Row, rest: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rest


def _watched(staging: Staging, work: Callable[[], T], progress: Progress, total: int) -> T:
    """Run a query in a thread of its own and show how far it is; Ctrl-C interrupts it."""
    with ThreadPoolExecutor(1) as pool:
        running: Future[T] = pool.submit(work)
        try:
            while not wait([running], timeout=_LOOK_SECONDS).done:
                percent = staging.connection.query_progress()
                done = int(max(0.0, percent) / _PERCENT * total)
                progress.advance(max(0, done - progress.done))
        except BaseException:
            staging.connection.interrupt()
            raise
        return running.result()
