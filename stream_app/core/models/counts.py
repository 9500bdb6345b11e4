"""A population as a fit sees it: how many customers have the same x, t_x and T.

A likelihood is a sum over customers, and those who are alike add the same. Counted by exact days
nothing is lost. A large population is counted by weeks: each cell of the grid stands for its
customers at their mean t_x and T, which moves the likelihood by a second-order term alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_app.core.models.arrays import Floats, Numbers

DAYS_A_WEEK: Final = 7
WIDEST_CELL_DAYS: Final = 448
_BITS: Final = 20
"""Of a day's or frequency's place in a key; days go to 2^16."""

Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Counts:
    """Distinct histories, sorted, and how many customers have each."""

    x: Floats
    t_x: Floats
    T: Floats
    customers: Floats

    def __len__(self) -> int:
        return len(self.x)

    @property
    def total(self) -> float:
        """Customers altogether."""
        return float(self.customers.sum())


class Population:
    """Customers who have bought, counted as finely as is asked for.

    >>> found = Population([0, 2, 0], [0, 70, 0], [280, 273, 280]).exact
    >>> found.x, found.T, found.customers
    (array([0., 2.]), array([40., 39.]), array([2., 1.]))
    """

    def __init__(
        self, x: Numbers, t_x_days: Numbers, T_days: Numbers, *, unit_days: float = DAYS_A_WEEK
    ) -> None:
        """Whole days go in; counts come out in units of `unit_days`, weeks by default."""
        columns = [np.asarray(column, np.int64) for column in (x, t_x_days, T_days)]
        keys, sizes = np.unique(_keys(*columns, cell_days=1), return_counts=True)
        places = (1 << _BITS) - 1
        self._days = keys >> 2 * _BITS, keys >> _BITS & places, keys & places
        self._sizes = sizes.astype(np.float64)
        self._unit_days = unit_days
        self._grids: dict[int, Counts] = {}

    @cached_property
    def exact(self) -> Counts:
        """Each distinct history by itself."""
        x, t_x, T = self._days
        unit = self._unit_days
        return Counts(x.astype(np.float64), t_x / unit, T / unit, self._sizes)

    def of_size(self, rows: int) -> Counts:
        """The finest counts of so many distinct histories at most: exact, by weeks, or wider."""
        counts, cell_days = self.exact, DAYS_A_WEEK
        while len(counts) > rows and cell_days <= WIDEST_CELL_DAYS:
            counts = self._by_cells(cell_days)
            cell_days *= 2
        return counts

    def _by_cells(self, cell_days: int) -> Counts:
        if cell_days not in self._grids:
            x, t_x, T = self._days
            cells, of = np.unique(_keys(x, t_x, T, cell_days=cell_days), return_inverse=True)
            customers: Floats = np.bincount(of, self._sizes, len(cells)).astype(np.float64)
            # Whole numbers far below 2^53: the sums are exact in any order.
            units = customers * self._unit_days
            self._grids[cell_days] = Counts(
                (cells >> 2 * _BITS).astype(np.float64),
                np.bincount(of, self._sizes * t_x, len(cells)) / units,
                np.bincount(of, self._sizes * T, len(cells)) / units,
                customers,
            )
        return self._grids[cell_days]


def _keys(x: Whole, t_x: Whole, T: Whole, *, cell_days: int) -> Whole:
    """One number for each customer's cell, in order of x, then t_x, then T."""
    return (x << 2 * _BITS) | (t_x // cell_days << _BITS) | T // cell_days
