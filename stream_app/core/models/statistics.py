"""What the models need to know of customers: columns of numbers, one row a customer.

Counting models see a customer as a few sums over its purchase days (Fader, Hardie and Lee 2005,
"Counting Your Customers the Easy Way", section 3). Here they are taken from the packed rows of many
customers at once; one by one, `Customer` gives the same numbers a hundred times slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stream_app.core import facts
from stream_app.core.customer import Customer
from stream_app.core.days import DAY_BIAS, LAYOUTS, Layout

Integers = NDArray[np.int64]
Money = NDArray[Any]
"""int64; Python's integers (dtype object) where a sum may not fit 64 bits."""

NEVER: Final = -1
"""Stands for a day where there is none; `purchase_days` is 0 there."""
_NATIVE: Final = {1: "i1", 2: "<i2", 4: "<i4", 8: "<i8"}
_SAFE: Final = 2.0**62
_LATE: Final = 1 << 17  # after every day


@dataclass(frozen=True)
class Statistics:
    """Columns over customers, in the order given; money in minor units of the base currency."""

    orders: Integers
    """Purchases less cancellations."""
    gross_minor: Money
    """Money of purchases less that of cancellations."""
    refunds_minor: Money
    purchase_days: Integers
    """Days with at least one purchase more than cancellations; frequency is one less."""
    first_day: Integers
    """First purchase day, days since 1970-01-01; -1 for who never bought."""
    last_day: Integers
    """Last purchase day, days since 1970-01-01; -1 for who never bought."""
    repeat_gross_minor: Money
    """Gross of all purchase days but the first; 0 for who never bought."""
    negative_days: Integers
    """Days with more cancellations than purchases."""
    unconverted: NDArray[np.bool_]
    """Whether money of another currency, without a rate, is left out of the sums."""

    def __len__(self) -> int:
        return len(self.orders)


def statistics(customers: Sequence[Customer]) -> Statistics:
    """The columns of these customers.

    >>> from stream_app.core.events import Purchase
    >>> bought = Customer()
    >>> for number, day in enumerate((100, 100, 130)):
    ...     _ = bought.apply(Purchase("c", str(number), "o", 0, day, "USD", 500, 500))
    >>> found = statistics([bought, Customer()])
    >>> found.orders, found.purchase_days, found.last_day, found.repeat_gross_minor
    (array([3, 0]), array([2, 0]), array([130,  -1]), array([500,   0]))
    """
    held = [customer.facts for customer in customers]
    lengths = np.fromiter(map(len, held), np.int64, len(held))
    starts = np.cumsum(lengths) - lengths
    raw = np.frombuffer(b"".join(held), np.uint8)
    columns = _no_rows(len(held))
    counts = raw[starts + 2] + raw[starts + 3].astype(np.int64) * 256
    codes = raw[starts]
    for code in np.unique(codes):
        chosen = np.flatnonzero((codes == code) & (counts > 0))
        if len(chosen):
            first_rows = starts[chosen] + facts.HEADER_SIZE
            found = _sums(LAYOUTS[code], raw, first_rows, counts[chosen])
            for name, column in found.items():
                if column.dtype == object:
                    columns[name] = columns[name].astype(object)
                columns[name][chosen] = column
    return Statistics(**columns, unconverted=raw[starts + 1] & facts.FOREIGN != 0)


def _no_rows(size: int) -> dict[str, NDArray[Any]]:
    """The columns of customers without a day."""
    sums = (
        "orders",
        "gross_minor",
        "refunds_minor",
        "purchase_days",
        "repeat_gross_minor",
        "negative_days",
    )
    columns: dict[str, NDArray[Any]] = {name: np.zeros(size, np.int64) for name in sums}
    return columns | {name: np.full(size, NEVER) for name in ("first_day", "last_day")}


def _sums(
    layout: Layout, raw: NDArray[np.uint8], first_rows: Integers, counts: Integers
) -> dict[str, NDArray[Any]]:
    """Columns of the customers whose rows, in this layout, begin there; each has at least one."""
    heads = np.cumsum(counts) - counts
    places = np.arange(counts.sum()) - np.repeat(heads, counts)
    rows = np.repeat(first_rows, counts) + places * layout.size
    gross_at = rows + 2 + layout.orders_width
    day = raw[rows] + raw[rows + 1].astype(np.int64) * 256 - DAY_BIAS
    orders = _numbers(raw, rows + 2, layout.orders_width)
    gross = _summable(_numbers(raw, gross_at, layout.gross_width), counts)
    refunds = _numbers(raw, gross_at + layout.gross_width, layout.refunds_width)
    bought = orders >= 1
    first_day = np.minimum.reduceat(np.where(bought, day, _LATE), heads)
    repeats = bought & (day != np.repeat(first_day, counts))
    purchase_days = np.add.reduceat(bought, heads, dtype=np.int64)
    last_day = np.maximum.reduceat(np.where(bought, day, -_LATE), heads)
    return {
        "orders": np.add.reduceat(orders, heads),
        "gross_minor": np.add.reduceat(gross, heads),
        "refunds_minor": np.add.reduceat(_summable(refunds, counts), heads),
        "purchase_days": purchase_days,
        "negative_days": np.add.reduceat(orders < 0, heads, dtype=np.int64),
        "first_day": np.where(purchase_days > 0, first_day, NEVER),
        "last_day": np.where(purchase_days > 0, last_day, NEVER),
        "repeat_gross_minor": np.add.reduceat(np.where(repeats, gross, 0), heads),
    }


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


def _summable(numbers: NDArray[Any], counts: Integers) -> NDArray[Any]:
    """The numbers as they are, or as Python's where a customer's sum may not fit 64 bits."""
    if numbers.dtype == object:
        return numbers
    largest = np.abs(numbers.astype(np.float64)).max() * counts.max()
    return numbers if largest < _SAFE else numbers.astype(object)
