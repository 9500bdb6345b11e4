"""What the models need to know of customers: columns of numbers, one row a customer.

Counting models see a customer as a few sums over its purchase days (Fader, Hardie and Lee 2005,
"Counting Your Customers the Easy Way", section 3). Here they are taken from the packed rows of many
customers at once; one by one, `Customer` gives the same numbers a hundred times slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stream_app.core.customer import Customer
from stream_app.core.models.packed_rows import Integers, Money, Packed, Rows

NEVER: Final = -1
"""Stands for a day where there is none; `purchase_days` is 0 there."""
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

    def of(self, chosen: NDArray[np.bool_]) -> Statistics:
        """The columns of some of the customers."""
        return Statistics(**{each.name: getattr(self, each.name)[chosen] for each in fields(self)})


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
    packed = Packed(customers)
    columns = no_rows(len(customers))
    for piece in packed.pieces():
        fill(columns, piece.customers, sums(piece.rows, piece.counts))
    return Statistics(**columns, unconverted=packed.unconverted())


def no_rows(size: int) -> dict[str, NDArray[Any]]:
    """The columns of customers without a day."""
    names = (
        "orders",
        "gross_minor",
        "refunds_minor",
        "purchase_days",
        "repeat_gross_minor",
        "negative_days",
    )
    columns: dict[str, NDArray[Any]] = {name: np.zeros(size, np.int64) for name in names}
    return columns | {name: np.full(size, NEVER) for name in ("first_day", "last_day")}


def fill(
    columns: dict[str, NDArray[Any]], customers: Integers, found: dict[str, NDArray[Any]]
) -> None:
    """Put what was found of some customers in their places."""
    for name, column in found.items():
        if column.dtype == object:
            columns[name] = columns[name].astype(object)
        columns[name][customers] = column


def sums(rows: Rows, counts: Integers) -> dict[str, NDArray[Any]]:
    """Columns of customers who have so many of the rows each, at least one."""
    heads = np.cumsum(counts) - counts
    day, orders = rows.day, rows.orders
    gross = _summable(rows.gross, counts)
    bought = orders >= 1
    first_day = np.minimum.reduceat(np.where(bought, day, _LATE), heads)
    repeats = bought & (day != np.repeat(first_day, counts))
    purchase_days = np.add.reduceat(bought, heads, dtype=np.int64)
    last_day = np.maximum.reduceat(np.where(bought, day, -_LATE), heads)
    return {
        "orders": np.add.reduceat(orders, heads),
        "gross_minor": np.add.reduceat(gross, heads),
        "refunds_minor": np.add.reduceat(_summable(rows.refunds, counts), heads),
        "purchase_days": purchase_days,
        "negative_days": np.add.reduceat(orders < 0, heads, dtype=np.int64),
        "first_day": np.where(purchase_days > 0, first_day, NEVER),
        "last_day": np.where(purchase_days > 0, last_day, NEVER),
        "repeat_gross_minor": np.add.reduceat(np.where(repeats, gross, 0), heads),
    }


def _summable(numbers: NDArray[Any], counts: Integers) -> NDArray[Any]:
    """The numbers as they are, or as Python's where a customer's sum may not fit 64 bits."""
    if numbers.dtype == object:
        return numbers
    largest = np.abs(numbers.astype(np.float64)).max() * counts.max()
    return numbers if largest < _SAFE else numbers.astype(object)
