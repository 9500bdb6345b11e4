"""One partition's cohort totals as Redis holds them: a version byte, then one MessagePack map.

Described for other languages in schemas/cohorts.md. Numbers are columns in the narrowest of 1, 2, 4
or 8 bytes; of the cells only those with a number in them travel. So a reader sums 300 cohorts of 10
channels and 8 partitions in tens of milliseconds.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from stream_app.core.cohorts.cells import CELLS, FIELDS, TABLES, Cell, Table
from stream_app.core.cohorts.columns import BUYERS, HEAD, MEMBERS, WIDTH, Columns
from stream_app.core.cohorts.totals import Totals
from stream_app.core.cohorts.unpacked import Bools, Integers

VERSION: Final = 1

_BYTES: Final = (1, 2, 4, 8)
_MASK_BYTES: Final = 8
_Column = tuple[int, bytes]
"""Bytes a number, and the numbers: signed, little-endian."""


class Meta(Struct, frozen=True, kw_only=True):
    """What totals are of."""

    currency: str
    """The base currency, of all money."""
    time_zone: str
    """In which days and months begin."""
    partitions: int
    """How many partitions there are; each has totals of its own."""
    position: int = 0
    """Next changelog offset after all that is counted."""
    published_at: int = 0
    """Unix seconds at which these totals were written."""
    first_signup_day: int | None = None
    """Earliest signup day of any customer, days since 1970-01-01."""
    first_purchase_day: int | None = None
    """Earliest first purchase day of any customer."""
    last_day: int | None = None
    """Day of the latest accepted event."""


class _Table(Struct, frozen=True, kw_only=True):
    """One table; a row is a cohort of one channel."""

    channels: list[str | None]
    channel: _Column
    month: _Column
    members: _Column
    buyers: _Column
    cells: bytes
    active: _Column
    payers: _Column
    orders: _Column
    purchase_days: _Column
    gross_minor: _Column
    refunds_minor: _Column
    large: list[tuple[int, int, str]]
    second_row: _Column
    second_days: _Column
    second_members: _Column


class _Encoded(Struct, frozen=True):
    meta: Meta
    tables: dict[str, msgspec.Raw]


_DECODER: Final = msgspec.msgpack.Decoder(_Encoded)
_TABLE_DECODER: Final = msgspec.msgpack.Decoder(_Table)


def encode(totals: Totals, meta: Meta) -> bytes:
    """The totals of one partition."""
    tables = {name: _table(totals.columns(name)) for name in TABLES}
    return bytes((VERSION,)) + msgspec.msgpack.encode({"meta": meta, "tables": tables})


def decode(value: bytes, table: Table) -> tuple[Meta, Columns]:
    """What the totals are of, and one of their tables.

    ValueError where the version is another, or these are no totals.
    """
    if not value or value[0] != VERSION:
        found = f"version {value[0]}" if value else "no bytes"
        raise ValueError(f"cohort totals of {found}; this program reads version {VERSION}")
    try:
        encoded = _DECODER.decode(memoryview(value)[1:])
        return encoded.meta, _columns(_TABLE_DECODER.decode(encoded.tables[table]))
    except (msgspec.MsgspecError, KeyError, ValueError) as error:
        raise ValueError(f"no cohort totals: {error}") from None


def partitions_of(value: bytes) -> int | None:
    """How many partitions the totals are one of; None where these are no totals of ours."""
    try:
        return _DECODER.decode(memoryview(value)[1:]).meta.partitions
    except msgspec.MsgspecError:
        return None


def _table(columns: Columns) -> _Table:
    cells = columns.numbers[:, HEAD:].reshape(-1, CELLS, FIELDS)
    there: Bools = np.any(cells, axis=2)
    fields = dict(zip(Cell._fields, cells[there].T, strict=True))
    return _Table(
        channels=columns.channels,
        channel=_packed(columns.channel),
        month=_packed(columns.month),
        members=_packed(columns.numbers[:, MEMBERS]),
        buyers=_packed(columns.numbers[:, BUYERS]),
        cells=_mask(there),
        **{name: _packed(numbers) for name, numbers in fields.items()},
        large=[(row, column, str(value)) for (row, column), value in columns.beyond.items()],
        second_row=_packed(columns.second_row),
        second_days=_packed(columns.second_days),
        second_members=_packed(columns.second_members),
    )


def _columns(table: _Table) -> Columns:
    month, channel = _unpacked(table.month), _unpacked(table.channel)
    members, buyers = _unpacked(table.members), _unpacked(table.buyers)
    there = _unmasked(table.cells)
    second = [
        _unpacked(each) for each in (table.second_row, table.second_days, table.second_members)
    ]
    if len({len(each) for each in (month, channel, members, buyers, there)}) > 1:
        raise ValueError("columns of different lengths")
    large = np.array([(row, column) for row, column, _ in table.large], np.int64).reshape(-1, 2)
    for places, size in (
        (channel, len(table.channels)),
        (second[0], len(month)),
        (large[:, 0], len(month)),
        (large[:, 1], WIDTH),
    ):
        if places.min(initial=0) < 0 or places.max(initial=-1) >= size:
            raise ValueError("a channel, a cohort or a number that is not there")
    numbers = np.zeros((len(month), WIDTH), np.int64)
    numbers[:, MEMBERS], numbers[:, BUYERS] = members, buyers
    cell = np.flatnonzero(there)
    first = cell * FIELDS + HEAD * (cell // CELLS + 1)
    for place, name in enumerate(Cell._fields):
        numbers.reshape(-1)[first + place] = _unpacked(getattr(table, name))
    return Columns(
        table.channels,
        channel,
        month,
        numbers,
        {(row, column): int(text) for row, column, text in table.large},
        *second,
    )


def _packed(numbers: NDArray[Any]) -> _Column:
    """A column in the fewest bytes that hold all of it."""
    low, high = int(numbers.min(initial=0)), int(numbers.max(initial=0))
    wide = next(size for size in _BYTES if -(1 << 8 * size - 1) <= low and high < 1 << 8 * size - 1)
    return wide, numbers.astype(f"<i{wide}").tobytes()


def _unpacked(column: _Column) -> Integers:
    wide, numbers = column
    if wide not in _BYTES:
        raise msgspec.ValidationError(f"a column of {wide} bytes a number")
    return np.frombuffer(numbers, f"<i{wide}").astype(np.int64)


def _mask(there: Bools) -> bytes:
    """Eight bytes a cohort, a bit a cell, lowest first."""
    wide = np.zeros((len(there), _MASK_BYTES * 8), np.bool_)
    wide[:, :CELLS] = there
    return np.packbits(wide, axis=1, bitorder="little").tobytes()


def _unmasked(cells: bytes) -> Bools:
    masks = np.frombuffer(cells, np.uint8).reshape(-1, _MASK_BYTES)
    return np.unpackbits(masks, axis=1, bitorder="little")[:, :CELLS].astype(np.bool_)
