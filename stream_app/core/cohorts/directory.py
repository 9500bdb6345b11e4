"""Which row of the arrays holds which cohort: found for thousands of customers at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from stream_app.core.cohorts.cells import TABLES
from stream_app.core.cohorts.unpacked import NO_MONTH, Integers

_MONTHS: Final = 1 << 12
"""More than there are months, NO_MONTH counted."""


class Entries(NamedTuple):
    """Cohorts of one table and where they are, in order of channel number and month."""

    channel: Integers
    """Channel numbers."""
    month: Integers
    """Months since January 1970; NO_MONTH for those without."""
    rows: Integers


class Directory:
    """Rows by (table, channel, month); rows that were given back are taken again."""

    def __init__(self) -> None:
        self._keys: Integers = np.zeros(0, np.int64)
        self._rows: Integers = np.zeros(0, np.int64)
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def size(self) -> int:
        """Rows there must be room for."""
        return len(self._keys) + len(self._free)

    def rows(self, keys: Integers) -> Integers:
        """The row of each key; a key that has none gets one."""
        place = np.searchsorted(self._keys, keys)
        missing = np.append(self._keys, -1)[place] != keys
        if missing.any():
            self._add(np.unique(keys[missing]))
            place = np.searchsorted(self._keys, keys)
        return self._rows[place]

    def drop(self, rows: Iterable[int]) -> None:
        """Give rows back."""
        listed = list(rows)
        kept = ~np.isin(self._rows, listed)
        self._keys, self._rows = self._keys[kept], self._rows[kept]
        self._free += listed

    def entries(self, table: int) -> Entries:
        """The cohorts of a table, by its place in TABLES."""
        rest, month = self._keys // _MONTHS, self._keys % _MONTHS
        own = np.flatnonzero(rest % len(TABLES) == table)
        return Entries(rest[own] // len(TABLES), month[own] + NO_MONTH, self._rows[own])

    def _add(self, keys: Integers) -> None:
        reused = min(len(keys), len(self._free))
        rows = [self._free.pop() for _ in range(reused)]
        rows += range(self.size + reused, self.size + len(keys))
        place = np.searchsorted(self._keys, keys)
        self._keys = np.insert(self._keys, place, keys)
        self._rows = np.insert(self._rows, place, rows)


def key_numbers(table: int | Integers, channel: Integers, month: Integers) -> Integers:
    """Keys as numbers: of places in TABLES, channel numbers, and months or NO_MONTH."""
    return (channel * len(TABLES) + table) * _MONTHS + (month - NO_MONTH)
