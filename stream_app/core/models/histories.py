"""What customers did day by day, in columns: the same sums as of any day, and what came after.

A fit looks at the days up to an instant, a validation also at those after it; a customer's state
has them all. Three million days of a million customers take about 120 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream_app.core.customer import Customer
from stream_app.core.models.packed_rows import Integers, Packed, Rows
from stream_app.core.models.statistics import Statistics, fill, no_rows, sums


@dataclass(frozen=True)
class Histories:
    """Rows of days; those of one customer stand together, in order of day."""

    size: int
    """Customers, also those without a day."""
    owner: Integers
    """Whose day each row is: places of customers, ascending."""
    rows: Rows
    unconverted: NDArray[np.bool_]
    """For each customer whether money of another currency, without a rate, is left out."""

    def statistics(self, until: int) -> Statistics:
        """What `statistics` says of these customers, had nothing happened after a day."""
        found = self._between(None, until)
        columns = no_rows(self.size)
        if len(found.owner):
            heads = np.flatnonzero(np.diff(found.owner, prepend=-1))
            counts = np.diff(heads, append=len(found.owner))
            fill(columns, found.owner[heads], sums(found.rows, counts))
        return Statistics(**columns, unconverted=self.unconverted)

    def later(self, after: int, until: int) -> Statistics:
        """The same of the days after `after`, up to and including `until`, alone."""
        return self._between(after, until).statistics(until)

    def thinned(self, most: int) -> Histories:
        """At most so many of the customers, evenly spread over the order they were given in."""
        step = max(1, -(-self.size // most))
        kept = self.owner % step == 0
        rows = Rows(*(column[kept] for column in self.rows))
        unconverted = self.unconverted[::step]
        return Histories(len(unconverted), self.owner[kept] // step, rows, unconverted)

    def _between(self, after: int | None, until: int) -> Histories:
        kept = self.rows.day <= until
        if after is not None:
            kept &= self.rows.day > after
        rows = Rows(*(column[kept] for column in self.rows))
        return Histories(self.size, self.owner[kept], rows, self.unconverted)


def histories(customers: Sequence[Customer]) -> Histories:
    """The days of these customers.

    >>> from stream_app.core.events import Purchase
    >>> bought = Customer()
    >>> for number, day in enumerate((100, 100, 130)):
    ...     _ = bought.apply(Purchase("c", str(number), "o", 0, day, "USD", 500, 500))
    >>> found = histories([Customer(), bought])
    >>> found.owner, found.rows.day, found.statistics(until=129).orders
    (array([1, 1]), array([100, 130]), array([0, 2]))
    """
    packed = Packed(customers)
    owners, pieces = [np.zeros(0, np.int64)], [Rows(*(np.zeros(0, np.int64) for _ in range(4)))]
    for piece in packed.pieces():
        owners.append(np.repeat(piece.customers, piece.counts))
        pieces.append(piece.rows)
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    columns = (np.concatenate(column)[order] for column in zip(*pieces, strict=True))
    return Histories(len(customers), owner[order], Rows(*columns), packed.unconverted())


def joined(parts: Sequence[Histories]) -> Histories:
    """The histories of customers that were read in parts."""
    starts = np.cumsum([0, *(part.size for part in parts)])
    owners = [part.owner + start for part, start in zip(parts, starts, strict=False)]
    columns = (
        np.concatenate(column) for column in zip(*(part.rows for part in parts), strict=True)
    )
    return Histories(
        int(starts[-1]),
        np.concatenate(owners),
        Rows(*columns),
        np.concatenate([part.unconverted for part in parts]),
    )
