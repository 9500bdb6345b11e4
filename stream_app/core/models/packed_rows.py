"""The packed days of many customers, unpacked at once into columns.

A customer's rows have one layout (core/days.py); customers of one layout are unpacked together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream_app.core import facts
from stream_app.core.customer import Customer
from stream_app.core.days import DAY_BIAS, LAYOUTS, Layout

Integers = NDArray[np.int64]
Money = NDArray[Any]
"""int64; Python's integers (dtype object) where a sum may not fit 64 bits."""

_NATIVE: Final = {1: "i1", 2: "<i2", 4: "<i4", 8: "<i8"}


class Rows(NamedTuple):
    """Days with something on them: each customer's together, in order of day."""

    day: Integers
    orders: Integers
    gross: Money
    refunds: Money


class Piece(NamedTuple):
    """The customers of one layout, each with at least one row."""

    customers: Integers
    """Their places in what was given."""
    counts: Integers
    """Rows of each."""
    rows: Rows


class Packed:
    """The facts of customers, laid end to end."""

    def __init__(self, customers: Sequence[Customer]) -> None:
        held = [customer.facts for customer in customers]
        lengths = np.fromiter(map(len, held), np.int64, len(held))
        self._raw = np.frombuffer(b"".join(held), np.uint8)
        self._starts = np.cumsum(lengths) - lengths

    def unconverted(self) -> NDArray[np.bool_]:
        """For each customer whether money of another currency, without a rate, is kept apart."""
        bits = self._raw[self._starts + 1]
        apart: NDArray[np.bool_] = np.not_equal(bits & facts.FOREIGN, 0)
        return apart

    def pieces(self) -> Iterator[Piece]:
        """The rows, layout by layout; customers without a row are in none."""
        raw, starts = self._raw, self._starts
        counts = raw[starts + 2] + raw[starts + 3].astype(np.int64) * 256
        codes = raw[starts]
        for code in np.unique(codes):
            chosen = np.flatnonzero((codes == code) & (counts > 0))
            if len(chosen):
                first_rows = starts[chosen] + facts.HEADER_SIZE
                rows = _rows(LAYOUTS[code], raw, first_rows, counts[chosen])
                yield Piece(chosen, counts[chosen], rows)


def _rows(layout: Layout, raw: NDArray[np.uint8], first_rows: Integers, counts: Integers) -> Rows:
    heads = np.cumsum(counts) - counts
    places = np.arange(counts.sum()) - np.repeat(heads, counts)
    at = np.repeat(first_rows, counts) + places * layout.size
    gross_at = at + 2 + layout.orders_width
    return Rows(
        raw[at] + raw[at + 1].astype(np.int64) * 256 - DAY_BIAS,
        _numbers(raw, at + 2, layout.orders_width),
        _numbers(raw, gross_at, layout.gross_width),
        _numbers(raw, gross_at + layout.gross_width, layout.refunds_width),
    )


def _numbers(raw: NDArray[np.uint8], at: Integers, width: int) -> NDArray[Any]:
    """Signed little-endian numbers of so many bytes, from these offsets."""
    if width == 0:
        return np.zeros(len(at), np.int64)
    if width in _NATIVE:
        return _overlapping(raw, _NATIVE[width])[at].astype(np.int64)
    if width == 7:
        # The eight bytes from the one before, less that one: its place is the sign's.
        return _overlapping(raw, "<i8")[at - 1] >> 8
    whole = [raw[start : start + width].tobytes() for start in at.tolist()]
    numbers = [int.from_bytes(digits, "little", signed=True) for digits in whole]
    return np.array(numbers, dtype=object)


def _overlapping(raw: NDArray[np.uint8], kind: str) -> NDArray[Any]:
    """The buffer as numbers that begin at every byte, without a copy."""
    size = max(len(raw) - np.dtype(kind).itemsize + 1, 0)
    return np.ndarray((size,), kind, raw.data, strides=(1,))
