"""The history in a database of its own on disk: staged in its order, then sorted into buckets.

A bucket is all rows of some customers, chosen by a hash of their ids, and small enough for memory.
DuckDB works in the memory it is allowed and spills the rest beside the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream_app.jobs.backfill.plain import ACTIVITY, KINDS, plain_rows
from stream_app.jobs.backfill.sources import Source
from stream_app.jobs.send.files import quoted_text
from stream_app.settings import Settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY: Final = "1500MB"
BUCKET_ROWS: Final = 250_000
FETCHED: Final = 10_000

_COLUMNS: Final = """
    source USMALLINT, seq BIGINT, kind UTINYINT, customer_id VARCHAR, identity VARCHAR,
    at_us BIGINT, at_local BOOLEAN, ordered_us BIGINT, ordered_local BOOLEAN, minor BIGINT,
    channel VARCHAR, day INTEGER, special VARCHAR
"""
"""Of an event. `day` is given where a decoder has judged the row, and of a cancellation is that of
the order; `special` is its money where that is not a number of base minor units (odd.py)."""
_ORDER: Final = "ORDER BY customer_id, source, seq"


class Odd(NamedTuple):
    """A row that is not plain: its place among those of its source, and its cells."""

    row: int
    cells: list[str | None]


class Reject(NamedTuple):
    """A line that is no row."""

    line: int
    why: str
    text: str


class Columns(NamedTuple):
    """The events of a bucket, in order of customer, source and row."""

    customers: list[str]
    counts: NDArray[np.int64]
    """Events of each customer."""
    kind: NDArray[np.int64]
    at_us: NDArray[np.int64]
    at_local: NDArray[np.bool_]
    ordered_us: NDArray[np.int64]
    ordered_local: NDArray[np.bool_]
    minor: NDArray[np.int64]
    hash: NDArray[np.uint64]
    day: NDArray[np.int64]
    """Where it is given, else `UNKNOWN_DAY`."""
    special: NDArray[np.bool_]
    signups: list[tuple[str, str | None]]
    """Event id and channel of each signup, in the same order."""


class Whole(NamedTuple):
    """What more there is to an event than `Columns` have."""

    source: int
    identity: str | None
    channel: str | None
    special: str | None


UNKNOWN_DAY: Final = -9


class Staging:
    """The database; `close` lets go of it, its directory goes with whoever made it."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        import duckdb

        self._settings = settings
        self.connection: DuckDBPyConnection = duckdb.connect(str(directory / "work.duckdb"))
        for setting in (
            "TimeZone = 'UTC'",
            f"memory_limit = '{MEMORY}'",
            f"temp_directory = {quoted_text(str(directory / 'spill'))}",
            "preserve_insertion_order = true",
            "enable_progress_bar = true",
            "enable_progress_bar_print = false",
        ):
            self.connection.execute(f"SET {setting}")
        self.connection.execute(f"CREATE TABLE ltv_decoded ({_COLUMNS})")
        self._buckets = 1

    def close(self) -> None:
        """Let go of the database."""
        self.connection.close()

    def stage(self, number: int, source: Source) -> int:
        """Read the rows of a source, the plain ones wholly; how many there are."""
        self.connection.execute(
            f"CREATE TABLE ltv_rows_{number} AS {plain_rows(source, self._settings)}"
        )
        return self._one(f"SELECT count(*) FROM ltv_rows_{number}")

    def plain_with_identity(self, number: int) -> int:
        """Plain money events and signups of a source."""
        return self._one(f"SELECT count(*) FROM ltv_rows_{number} WHERE kind < {ACTIVITY}")

    def odd(self, number: int) -> Iterator[Odd]:
        """The rows of a source that are not plain, in their order."""
        found = self.connection.cursor().execute(
            f"SELECT rowid + 1, cells FROM ltv_rows_{number} WHERE kind IS NULL ORDER BY rowid"
        )
        while some := found.fetchmany(FETCHED):
            yield from map(Odd._make, some)

    def rejects(self, source: Source) -> list[Reject]:
        """Lines of a CSV file that are no rows."""
        if source.rejects is None:
            return []
        found = self.connection.execute(
            "SELECT line, any_value(error_message), any_value(csv_line)"
            f" FROM {source.rejects} GROUP BY line ORDER BY line"
        ).fetchall()
        return [Reject(int(line), why, text or "") for line, why, text in found]

    def take_decoded(self, file: Path) -> None:
        """Add events that a decoder has made, as JSON lines of the columns."""
        types = ", ".join(
            f"{name}: '{kind}'" for name, kind in (one.split() for one in _COLUMNS.split(","))
        )
        self.connection.execute(
            f"INSERT INTO ltv_decoded SELECT * FROM read_json({quoted_text(str(file))},"
            f" format = 'newline_delimited', columns = {{{types}}})"
        )

    def sort(self, sources: Sequence[int]) -> int:
        """Put every event into its bucket, of the sources that were staged and of those that were
        decoded; how many buckets there are."""
        staged = [
            f"SELECT {number}::USMALLINT AS source, rowid AS seq, kind, customer_id, identity,"
            " at_us, at_local, ordered_us, ordered_local, minor, channel,"
            f" NULL::INTEGER AS day, NULL::VARCHAR AS special"
            f" FROM ltv_rows_{number} WHERE kind IS NOT NULL"
            for number in sources
        ]
        every = " UNION ALL ".join([*staged, "SELECT * FROM ltv_decoded"])
        rows = self._one(f"SELECT count(*) FROM ({every})")
        self._buckets = max(1, -(-rows // BUCKET_ROWS))
        self.connection.execute(
            f"CREATE TABLE ltv_events AS SELECT (hash(customer_id) % {self._buckets})::UINTEGER"
            f" AS bucket, * FROM ({every}) ORDER BY bucket"
        )
        for number in sources:
            self.connection.execute(f"DROP TABLE ltv_rows_{number}")
        return self._buckets

    def bucket(self, number: int) -> Columns:
        """The events of a bucket."""
        here = f"FROM ltv_events WHERE bucket = {number}"
        cursor = self.connection.cursor()
        groups = cursor.execute(
            f"SELECT customer_id, count(*) AS n {here} GROUP BY customer_id ORDER BY customer_id"
        ).fetchnumpy()
        found = cursor.execute(
            "SELECT kind::BIGINT AS kind, at_us, at_local, coalesce(ordered_us, 0) AS ordered_us,"
            " coalesce(ordered_local, false) AS ordered_local, coalesce(minor, 0) AS minor,"
            f" coalesce({_HASH}, 0) AS hash, coalesce(day, {UNKNOWN_DAY})::BIGINT AS day,"
            f" special IS NOT NULL AS special {here} {_ORDER}"
        ).fetchnumpy()
        signups = cursor.execute(
            f"SELECT identity, channel {here} AND kind = {KINDS.index('signup')} {_ORDER}"
        ).fetchall()
        arrays = {name: np.asarray(values) for name, values in found.items()}
        return Columns(
            customers=groups["customer_id"].tolist(),
            counts=np.asarray(groups["n"]),
            signups=signups,
            **arrays,
        )

    def whole(self, number: int, customers: Sequence[str]) -> list[Whole]:
        """The rest of all events of some customers of a bucket, in the same order."""
        found: list[Any] = (
            self.connection.cursor()
            .execute(
                "SELECT source, identity, channel, special FROM ltv_events"
                f" WHERE bucket = {number} AND customer_id IN (SELECT unnest(?)) {_ORDER}",
                [list(customers)],
            )
            .fetchall()
        )
        return list(map(Whole._make, found))

    def _one(self, sql: str) -> int:
        found = self.connection.execute(sql).fetchone()
        return int(found[0]) if found else 0


_CASES: Final = " ".join(f"WHEN {place} THEN '{name}'" for place, name in enumerate(KINDS))
_HASH: Final = (
    f"if(kind = {ACTIVITY}, 0, ('0x' || left(sha256(CASE kind {_CASES} END || chr(0) || identity),"
    " 16))::UBIGINT)"
)
"""The first 8 bytes of SHA-256 of type, zero byte and id, as a big-endian number."""
