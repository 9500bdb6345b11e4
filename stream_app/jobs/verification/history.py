"""The history that a state began with, row by row as `ltv send` reads it, for the recount.

Nothing of the backfill's own reading is used, but the way in which sources are named and opened:
rows are read one after the other, made into the records that sending them would make, and judged by
the recount. They are kept in a file for each partition, since partitions are recounted one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from stream_app.core.calendar import DAY_US
from stream_app.core.days import LAST_DAY
from stream_app.jobs.backfill.sources import Source, open_sources
from stream_app.jobs.progress import Progress
from stream_app.jobs.recount.placement import placement
from stream_app.jobs.send.columns import parse_mapping
from stream_app.jobs.send.files import Row, open_source, table_rows
from stream_app.jobs.send.messages import Message, Messages
from stream_app.settings import Settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

AT_ONCE: Final = 500
_STAMP_MS: Final = LAST_DAY * DAY_US // 1_000
"""Rows have no time of arrival; what happened at the cut or later is left out, whatever it is."""
_LENGTH: Final = 4


@dataclass(frozen=True)
class HistoryOrder:
    """The history as `ltv backfill` was given it."""

    history: tuple[str, ...]
    kind: str | None = None
    mapping: tuple[str, ...] = ()


class HistoryRecord(Struct, frozen=True, gc=False):
    """A row as the record that sending it would have made; the recount reads it as any other."""

    partition: int
    offset: int
    timestamp: int | None
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes | None], ...] = ()


class HistoryRows:
    """All rows, in files of a directory that is somebody else's to remove."""

    def __init__(self, settings: Settings, order: HistoryOrder, directory: Path) -> None:
        self._settings = settings
        self._order = order
        self._directory = directory
        self.unreadable = 0
        """Lines that are no rows."""

    def read(self) -> None:
        """Read every source; UsageError where one can't be."""
        import duckdb

        mapping = parse_mapping(self._order.mapping)
        files = [self._file(number).open("wb") for number in range(self._settings.partitions)]
        try:
            with closing(duckdb.connect()) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                words, kind = self._order.history, self._order.kind
                for source in open_sources(words, kind, mapping, connection):
                    self._spool(source, _rows_of(source, connection), files)
        finally:
            for file in files:
                file.close()

    def of(self, number: int) -> Iterator[tuple[str, list[HistoryRecord]]]:
        """The rows of a partition in their order, some at a time, with the role of their topic."""
        decode = msgspec.msgpack.Decoder(tuple[str, HistoryRecord]).decode
        some: list[HistoryRecord] = []
        with self._file(number).open("rb") as file:
            role = ""
            while size := file.read(_LENGTH):
                of_role, record = decode(file.read(int.from_bytes(size, "big")))
                if some and (of_role != role or len(some) >= AT_ONCE):
                    yield role, some
                    some = []
                role = of_role
                some.append(record)
        if some:
            yield role, some

    def _spool(self, source: Source, rows: Iterator[Row], files: Sequence[IO[bytes]]) -> None:
        settings = self._settings
        place = placement(settings.partitioner, settings.partitions)
        encode = msgspec.msgpack.Encoder().encode
        messages = Messages(settings, source.kind)
        with Progress(f"reading {source.name}", "rows") as progress:
            for row in rows:
                message = messages.message_of(row)
                if isinstance(message, Message):
                    number = place(message.key) if place is not None else 0
                    record = HistoryRecord(number, row.line, _STAMP_MS, message.key, message.value)
                    written = encode((message.role, record))
                    files[number].write(len(written).to_bytes(_LENGTH, "big") + written)
                else:
                    self.unreadable += 1
                progress.done += 1
                if progress.done % AT_ONCE == 0:
                    progress.advance(0)

    def _file(self, number: int) -> Path:
        return self._directory / f"history-{number}"


def _rows_of(source: Source, connection: DuckDBPyConnection) -> Iterator[Row]:
    """The rows of a source in their order."""
    if source.path is None:
        assert source.relation is not None
        yield from table_rows(connection, source.relation, source.cells, [0])
        return
    with closing(open_source(source.path, source.kind, source.mapping)) as opened:
        yield from opened.rows
