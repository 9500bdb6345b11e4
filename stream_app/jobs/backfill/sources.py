"""The history as it was given: files or SQL, each with what its rows are and its columns' fields.

CSV and Parquet are read by DuckDB, as is SQL: whatever DuckDB can select from (another file, a
DuckDB database, a warehouse through one of its extensions). Several statements may be given; the
rows are those of the last. JSON lines are read row by row, as `ltv send` reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from glob import glob
from hashlib import sha256
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from stream_app.errors import UsageError
from stream_app.jobs.send.columns import NEEDED, fields_of, require
from stream_app.jobs.send.files import as_text, csv_head, first_line, opened, quoted_text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TYPED: Final = re.compile(rf"({'|'.join(NEEDED)})=(.+)", re.DOTALL)
_SQL: Final = re.compile(
    r"\s*(\(|(select|from|with|values|table|attach|install|load|set|create|pivot|unpivot)\b)",
    re.IGNORECASE,
)
_CSV: Final = (".csv", ".tsv", ".txt")
_PARQUET: Final = (".parquet", ".pq")
_JSON: Final = (".jsonl", ".ndjson", ".json")


class Column(NamedTuple):
    """A column of a source: its name, DuckDB's type, and the field it is; None: not used."""

    name: str
    sql: str
    """Its name in DuckDB, without quotes."""
    type: str
    field: str | None


@dataclass(frozen=True)
class Source:
    """Rows of one kind, in their order."""

    name: str
    """For people: a file's name, or `the SQL`."""
    kind: str
    """What rows without a type are."""
    path: Path | None
    """None for SQL."""
    relation: str | None
    """What DuckDB selects from; None for JSON lines, whose rows have fields of their own."""
    columns: tuple[Column, ...] = ()
    rows: int | None = None
    """How many there are; None where nobody knows before they are read."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """What of the mapping is about columns of this source."""
    rejects: str | None = None
    """The table of lines that are no rows, filled by reading; None where there are none."""

    @property
    def cells(self) -> list[tuple[str, str]]:
        """Fields and their SQL: each cell as text."""
        return [(one.field, as_text(one.sql, one.type)) for one in self.columns if one.field]

    @property
    def with_ids(self) -> bool:
        """Whether its rows have event ids, or may have."""
        return self.relation is None or self.column_of("event_id") is not None

    def column_of(self, field: str) -> Column | None:
        """The column that is this field."""
        return next((one for one in self.columns if one.field == field), None)


def open_sources(
    words: Iterable[str],
    kind: str | None,
    mapping: Mapping[str, str],
    connection: DuckDBPyConnection,
) -> list[Source]:
    """Every source in its order; UsageError where one can't be opened or lacks a column.

    A `mapping` entry holds for the sources that have its column; one must.
    """
    sources = [
        source
        for word in words
        for source in _sources_of(word, kind or "purchase", mapping, connection)
    ]
    if not sources:
        raise UsageError("--history names no file and no SQL.")
    with_columns = [one for one in sources if one.relation is not None]
    for named, column in mapping.items():
        held = any(column == one.name for source in with_columns for one in source.columns)
        if not held and len(with_columns) == len(sources):
            raise UsageError(f"--map {named}={column}: no source has such a column.")
    return sources


def _sources_of(
    word: str, kind: str, mapping: Mapping[str, str], connection: DuckDBPyConnection
) -> Iterator[Source]:
    typed = _TYPED.fullmatch(word)
    if typed is not None:
        kind, word = typed[1], typed[2]
    if _SQL.match(word) and not Path(word).exists():
        yield _sql(word, kind, mapping, connection)
        return
    paths = [Path(word)] if Path(word).exists() else [Path(one) for one in sorted(glob(word))]
    if not paths:
        raise UsageError(f"--history {word!r} is no file that is there, and no SQL.")
    for path in paths:
        yield _file(path, kind, mapping, connection)


def _file(
    path: Path, kind: str, mapping: Mapping[str, str], connection: DuckDBPyConnection
) -> Source:
    name = path.name.lower()
    if name.endswith(_PARQUET):
        relation = f"read_parquet({quoted_text(str(path))})"
        described = _described(connection, relation, path.name)
        rows = _one_number(connection, f"SELECT count(*) FROM {relation}", path.name)
        return _source(path.name, kind, path, relation, described, mapping, rows)
    name = name.removesuffix(".gz")
    if name.endswith(_JSON):
        return Source(path.name, kind, path, None, mapping=mapping)
    if name.endswith(_CSV):
        return _csv(path, kind, mapping)
    raise UsageError(f"{path.name} is not .csv, .tsv, .jsonl, .ndjson or .parquet.")


def _csv(path: Path, kind: str, mapping: Mapping[str, str]) -> Source:
    binary, _ = opened(path)
    with TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text:
        try:
            delimiter, header = csv_head(text, path.name)
        except UnicodeDecodeError as error:
            raise UsageError(f"{path.name} is not UTF-8 text: {error.reason}.") from None
    names = [f"c{number}" for number in range(len(header))]
    typed = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    rejects = f"ltv_rejects_{sha256(str(path).encode()).hexdigest()[:16]}"
    relation = (
        f"read_csv({quoted_text(str(path))}, auto_detect=false, header=true,"
        f" delim={quoted_text(delimiter)}, quote='\"', escape='\"', columns={{{typed}}},"
        " max_line_size=16777216, store_rejects=true, rejects_limit=0,"
        f" rejects_table='{rejects}', rejects_scan='{rejects}_scan')"
    )
    held = _held(mapping, header)
    fields = fields_of(header, held, path.name)
    require(fields, kind, header, path.name)
    columns = [
        Column(name, sql, "VARCHAR", field)
        for name, sql, field in zip(header, names, fields, strict=True)
    ]
    return Source(path.name, kind, path, relation, tuple(columns), mapping=held, rejects=rejects)


def _sql(
    word: str, kind: str, mapping: Mapping[str, str], connection: DuckDBPyConnection
) -> Source:
    import duckdb

    try:
        *before, last = connection.extract_statements(word)
        for statement in before:
            connection.execute(statement)
        connection.execute("SET TimeZone = 'UTC'")  # in which times become texts, whatever they set
    except duckdb.Error as error:
        raise UsageError(f"The SQL of --history can't be run: {first_line(error)}") from None
    relation = f"({last.query.strip().rstrip(';')})"
    described = _described(connection, relation, "the SQL")
    return _source("the SQL", kind, None, relation, described, mapping, None)


def _source(
    name: str,
    kind: str,
    path: Path | None,
    relation: str,
    described: Sequence[tuple[str, str]],
    mapping: Mapping[str, str],
    rows: int | None,
) -> Source:
    header = [column for column, _ in described]
    held = _held(mapping, header)
    fields = fields_of(header, held, name)
    require(fields, kind, header, name)
    columns = [
        Column(column, column, column_type, field)
        for (column, column_type), field in zip(described, fields, strict=True)
    ]
    return Source(name, kind, path, relation, tuple(columns), rows, held)


def _held(mapping: Mapping[str, str], header: Sequence[str]) -> dict[str, str]:
    return {field: column for field, column in mapping.items() if column in header}


def _described(connection: DuckDBPyConnection, relation: str, name: str) -> list[tuple[str, str]]:
    import duckdb

    try:
        found = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    except duckdb.Error as error:
        raise UsageError(f"{name} can't be read: {first_line(error)}") from None
    return [(str(column[0]), str(column[1])) for column in found]


def _one_number(connection: DuckDBPyConnection, sql: str, name: str) -> int:
    import duckdb

    try:
        found = connection.execute(sql).fetchone()
    except duckdb.Error as error:
        raise UsageError(f"{name} can't be read: {first_line(error)}") from None
    return int(found[0]) if found else 0
