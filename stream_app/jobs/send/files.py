"""Rows of files: CSV (`,` `;` tab `|`), JSON lines, Parquet; `.gz` for the first two.

A row is its line and its fields, named as in an event. Cells without text are left out. Numbers
of a file never pass through a float: CSV and Parquet are read as text, JSON numbers as decimals.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TextIO

import msgspec

from stream_app.errors import UsageError
from stream_app.jobs.send.columns import fields_of, require, told

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Binary = IO[bytes] | gzip.GzipFile
Fields = dict[str, Any]
PARQUET_ROWS = 10_000
DELIMITERS = ",;\t|"


class Row(NamedTuple):
    """One row: where it is, its fields, and its JSON where the line is one already."""

    line: int
    fields: Fields
    json: bytes | None = None


class Source(NamedTuple):
    """The rows of one file, how much of it is read (0-1), and how to let go of it."""

    rows: Iterator[Row]
    fraction: Callable[[], float]
    close: Callable[[], None]


Tell = Callable[[str], None]
"""Shows a person a line: which column is taken for what."""


def _nobody(_line: str) -> None:
    pass


def open_source(path: Path, kind: str, mapping: Mapping[str, str], tell: Tell = _nobody) -> Source:
    """Open a file by the end of its name; `kind` is what rows are that do not say."""
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".parquet", ".pq")):
        return _parquet(path, kind, mapping, tell)
    if name.endswith((".jsonl", ".ndjson", ".json")):
        binary, fraction = opened(path)
        return Source(_json_rows(binary, path.name, mapping), fraction, binary.close)
    if name.endswith((".csv", ".tsv", ".txt")):
        binary, fraction = opened(path)
        return Source(_csv_rows(binary, path.name, kind, mapping, tell), fraction, binary.close)
    raise UsageError(f"{path.name} is not .csv, .tsv, .jsonl, .ndjson or .parquet (or those .gz).")


def opened(path: Path) -> tuple[Binary, Callable[[], float]]:
    """The bytes of a file, unpacked where it is gzipped, and how much of it is read (0-1)."""
    size = max(path.stat().st_size, 1)
    if not path.name.lower().endswith(".gz"):
        plain = path.open("rb")
        return plain, lambda: 1.0 if plain.closed else plain.tell() / size
    raw = path.open("rb")  # how far the packed file is read says how much of it is left
    return _Unpacked(raw), lambda: 1.0 if raw.closed else raw.tell() / size


class _Unpacked(gzip.GzipFile):
    """A gzipped file that closes what lies under it."""

    def __init__(self, raw: IO[bytes]) -> None:
        super().__init__(fileobj=raw)
        self._raw = raw

    def close(self) -> None:
        super().close()
        self._raw.close()


def _csv_rows(
    binary: Binary, name: str, kind: str, mapping: Mapping[str, str], tell: Tell
) -> Iterator[Row]:
    with io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text:
        try:
            delimiter, header = csv_head(text, name)
            picks = _picks(header, name, kind, mapping, tell)
            reader = csv.reader(text, delimiter=delimiter)
            width = len(header)
            for cells in reader:
                if len(cells) == width + 1 and not cells[-1]:
                    del cells[-1]  # a delimiter at the end of the line
                if len(cells) != width:
                    if not cells:
                        continue
                    words = f"{len(cells)} cells where the header has {width}"
                    yield Row(reader.line_num + 1, {_BROKEN: words})
                    continue
                yield Row(
                    reader.line_num + 1,
                    {field: cells[index] for index, field in picks if cells[index]},
                )
        except UnicodeDecodeError as error:
            raise UsageError(f"{name} is not UTF-8 text: {error.reason} ({error.start}).") from None
        except csv.Error as error:
            raise UsageError(f"{name} can't be read as CSV: {error}.") from None


def csv_head(text: TextIO, name: str) -> tuple[str, list[str]]:
    """The delimiter, which is the one that the first line has most of, and the header.

    UsageError where there is none; `name` is that of the file.
    """
    first = text.readline()
    if not first:
        raise UsageError(f"{name} is empty: its first line has to name the columns.")
    if not first.strip():
        raise UsageError(f"The first line of {name} is empty: it has to name the columns.")
    delimiter = max(DELIMITERS, key=first.count)
    return delimiter, next(csv.reader([first], delimiter=delimiter), [])


def _picks(
    header: list[str], name: str, kind: str, mapping: Mapping[str, str], tell: Tell
) -> list[tuple[int, str]]:
    fields = fields_of(header, mapping, name)
    require(fields, kind, header, name)
    if fields != header:
        tell(f"{name}: {told(header, fields)}")
    return [(index, field) for index, field in enumerate(fields) if field is not None]


_BROKEN = "\0broken"


def broken(fields: Fields) -> str | None:
    """Why a row could not be read at all; None for one that could."""
    return fields.get(_BROKEN)


def _json_rows(binary: Binary, name: str, mapping: Mapping[str, str]) -> Iterator[Row]:
    decode = msgspec.json.Decoder(float_hook=Decimal).decode
    known: dict[tuple[str, ...], list[str | None]] = {}
    with binary:
        for line, text in enumerate(binary, start=1):
            stripped = text.strip()
            if not stripped:
                continue
            try:
                object_ = decode(stripped)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                yield Row(line, {_BROKEN: str(error)})
                continue
            if not isinstance(object_, dict):
                yield Row(line, {_BROKEN: "a line is one JSON object"})
                continue
            keys = tuple(object_)
            if keys not in known:
                known[keys] = fields_of(keys, mapping, f"{name} line {line}")
            fields = {
                field: object_[key]
                for key, field in zip(keys, known[keys], strict=True)
                if field is not None and object_[key] is not None
            }
            canonical = all(
                field in {key, None} for key, field in zip(keys, known[keys], strict=True)
            )
            yield Row(line, fields, stripped if canonical else None)


def _parquet(path: Path, kind: str, mapping: Mapping[str, str], tell: Tell) -> Source:
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    try:
        described = connection.execute(
            "DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]
        ).fetchall()
        counted = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchone()
    except duckdb.Error as error:
        raise UsageError(f"{path.name} can't be read as Parquet: {first_line(error)}") from None
    header = [str(column[0]) for column in described]
    picks = _picks(header, path.name, kind, mapping, tell)
    total, seen = max(int(counted[0]) if counted else 0, 1), [0]
    cells = [(field, as_text(header[index], str(described[index][1]))) for index, field in picks]
    relation = f"read_parquet({quoted_text(str(path))})"
    rows = table_rows(connection, relation, cells, seen)
    return Source(rows, lambda: seen[0] / total, connection.close)


def table_rows(
    connection: DuckDBPyConnection, relation: str, cells: list[tuple[str, str]], seen: list[int]
) -> Iterator[Row]:
    """The rows of a relation of DuckDB; `cells` are fields with their SQL. `seen` counts them."""
    found = connection.execute(f"SELECT {', '.join(text for _, text in cells)} FROM {relation}")
    while some := found.fetchmany(PARQUET_ROWS):
        for row in some:
            seen[0] += 1
            yield Row(
                seen[0],
                {field: cell for (field, _), cell in zip(cells, row, strict=True) if cell},
            )


def as_text(column: str, column_type: str) -> str:
    """SQL for a column as the text that a row has: exact for decimals, JSON for what is nested."""
    quoted = '"' + column.replace('"', '""') + '"'
    if column_type.endswith("]") or column_type.startswith(("STRUCT", "MAP")):
        return f"to_json({quoted})::VARCHAR"
    return f"{quoted}::VARCHAR"


def first_line(error: BaseException) -> str:
    """What DuckDB says of an error, without the statement that it shows below."""
    return str(error).partition("\n")[0]


def quoted_text(text: str) -> str:
    """A text as SQL writes it.

    >>> quoted_text("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"
