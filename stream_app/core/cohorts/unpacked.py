"""The facts of many customers, unpacked at once: rows of days, signups, months of activity.

Unlike `core.models.packed_rows`, which goes layout by layout, this keeps customers in the order
given, whatever their layouts: every number is read as eight bytes and cut to its width by shifts.
A call costs more by the number of array operations than by customers, so there are few of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream_app.core import days, facts

Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

NO_MONTH: Final = -2
"""Stands for a month where there is none; months begin with -1, December 1969."""

SIZES: Final = np.array([layout.size for layout in days.LAYOUTS])
"""Bytes of a row, by layout code."""
_ORDERS: Final = np.array([layout.orders_width for layout in days.LAYOUTS])
_GROSS: Final = np.array([layout.gross_width for layout in days.LAYOUTS])
_REFUNDS: Final = np.array([layout.refunds_width for layout in days.LAYOUTS])
WIDE: Final = np.maximum(_GROSS, _REFUNDS) > 8
"""By layout code: whether its sums are beyond 64 bits."""
_PADDING: Final = bytes(8)
"""So that eight bytes can be read from any place."""
_NOTHING: Final = np.zeros(0, np.int64)


class Rows(NamedTuple):
    """Days with something on them: each customer's together, in order of day."""

    owner: Integers
    """Places of customers, ascending."""
    day: Integers
    orders: Integers
    gross: NDArray[Any]
    """int64, or Python's integers (dtype object) where a layout is wide; refunds alike."""
    refunds: NDArray[Any]


class Unpacked:
    """Facts laid end to end, with where in them each customer's parts begin."""

    def __init__(self, held: Sequence[bytes]) -> None:
        """`held` is the facts of customers; no bytes stand for nobody, who has nothing."""
        self.size = len(held)
        self.joined = b"".join((*held, _PADDING))
        lengths = np.fromiter(map(len, held), np.int64, self.size)
        raw = self._raw = np.frombuffer(self.joined, np.uint8)
        starts = np.cumsum(lengths) - lengths
        self.present: Bools = lengths > 0
        self.codes = raw[starts]
        self.bits = raw[starts + 1]
        self.counts = _u16(raw, starts + 2).astype(np.int64)
        if not self.present.all():
            for column in (self.codes, self.bits, self.counts):
                column *= self.present  # there the header read is that of the next
        self.first_rows = starts + facts.HEADER_SIZE
        self.sections = self.first_rows + self.counts * SIZES[self.codes]

    def rows(self, skipped: Integers | None = None) -> Rows:
        """All days of all customers, or those after so many of each."""
        raw, counts, first = self._raw, self.counts, self.first_rows
        if skipped is not None:
            counts, first = counts - skipped, first + skipped * SIZES[self.codes]
        owner = np.repeat(np.arange(self.size), counts)
        sizes, orders, gross, refunds = self._widths(counts)
        places = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        at = np.repeat(first, counts) + places * sizes
        read = _whole_numbers if WIDE[self.codes].any() else _numbers
        return Rows(
            owner,
            _u16(raw, at).astype(np.int64) - days.DAY_BIAS,
            _numbers(raw, at + 2, orders),
            read(raw, at + 2 + orders, gross),
            read(raw, at + 2 + orders + gross, refunds),
        )

    def row_days(self, who: Integers, row: Integers | int) -> Integers:
        """The day of one row of each of these customers."""
        at = self.first_rows[who] + SIZES[self.codes[who]] * row
        return _u16(self._raw, at).astype(np.int64) - days.DAY_BIAS

    def row_orders(self, who: Integers, row: Integers | int) -> Integers:
        """The orders of one row of each of these customers."""
        codes = self.codes[who]
        return _numbers(self._raw, self.first_rows[who] + SIZES[codes] * row + 2, _ORDERS[codes])

    def signup_days(self) -> tuple[Integers, Integers]:
        """Who has a signup, and its day."""
        who = np.flatnonzero(self.bits & facts.SIGNUP)
        at = self.sections[who] + 10
        return who, _u16(self._raw, at).byteswap().astype(np.int64) - days.DAY_BIAS

    def channel_ends(self, who: Integers) -> Integers:
        """Of those who have a signup: where in `joined` its channel ends."""
        at = self.sections[who]
        ends: Integers = at + 2 + _u16(self._raw, at)
        return ends

    def section_ends(self, who: Integers) -> tuple[Integers, Integers]:
        """Where in `joined` the signup ends, and where the months of activity do after it."""
        signup = self._section_end(who, self.sections[who], facts.SIGNUP)
        return signup, self._section_end(who, signup, facts.MONTHS)

    def active_months(self) -> tuple[Integers, Integers]:
        """Owner and month of each month with an activity record, in order of both."""
        who = np.flatnonzero(self.bits & facts.MONTHS)
        if not len(who):
            return _NOTHING, _NOTHING
        begins, ends = self.section_ends(who)
        first = _u16(self._raw, begins + 2).astype(np.int64) - 1
        sizes = ends - begins - 4
        places = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        held = self._raw[np.repeat(begins + 4, sizes) + places]
        bits = np.flatnonzero(np.unpackbits(held, bitorder="little"))
        byte = bits >> 3
        months = np.repeat(first, sizes) + places * 8
        return np.repeat(who, sizes)[byte], months[byte] + (bits & 7)

    def _section_end(self, who: Integers, at: Integers, bit: int) -> Integers:
        """The end of the section that begins here where the bit says that it is there."""
        there = (self.bits[who] & bit) != 0
        ends: Integers = at + there * (2 + _u16(self._raw, at).astype(np.int64))
        return ends

    def _widths(self, counts: Integers) -> tuple[Any, ...]:
        """Of each row its size and the widths of its numbers; one number where all are alike."""
        there = np.flatnonzero(np.bincount(self.codes))
        found: list[Any] = []
        for widths in (SIZES, _ORDERS, _GROSS, _REFUNDS):
            own = widths[there]
            alike = (own == own[0]).all()
            found.append(int(own[0]) if alike else np.repeat(widths[self.codes], counts))
        return tuple(found)


def months_of(day: Integers) -> Integers:
    """Months since January 1970 of days since 1970-01-01, from -1 to `days.LAST_DAY`.

    >>> months_of(np.array([-1, 0, 30, 31]))
    array([-1,  0,  0,  1])
    """
    return _months()[day + days.DAY_BIAS]


@cache
def _months() -> Integers:
    """The month of every day that can be packed; a millisecond, once."""
    every = np.arange(-days.DAY_BIAS, days.LAST_DAY + 1).astype("datetime64[D]")
    return every.astype("datetime64[M]").astype(np.int64)


def words(raw: Bytes | bytes, kind: str) -> NDArray[Any]:
    """A buffer as numbers that begin at every byte, without a copy."""
    size = len(raw) - np.dtype(kind).itemsize + 1
    return np.ndarray((size,), kind, raw, strides=(1,))


def _u16(raw: Bytes, at: Integers) -> NDArray[np.uint16]:
    found: NDArray[np.uint16] = words(raw, "<u2")[at]
    return found


def _numbers(raw: Bytes, at: Integers, widths: Any) -> Integers:
    """Signed little-endian numbers of at most eight bytes each, from these offsets."""
    if isinstance(widths, int) and widths == 0:
        return np.zeros(len(at), np.int64)
    if isinstance(widths, int) and widths == 1:
        return raw.view(np.int8)[at].astype(np.int64)
    unused = 64 - 8 * widths
    numbers: Integers = words(raw, "<i8")[at]
    numbers <<= unused  # by all 64 bits, of no bytes: NumPy makes 0 of it, as C need not
    numbers >>= unused
    return numbers


def _whole_numbers(raw: Bytes, at: Integers, widths: Any) -> NDArray[Any]:
    """The same of any width, as Python's integers."""
    every = np.broadcast_to(widths, at.shape).tolist()
    held = raw.tobytes()
    pieces = (held[start : start + wide] for start, wide in zip(at.tolist(), every, strict=True))
    return np.array([int.from_bytes(one, "little", signed=True) for one in pieces], dtype=object)
