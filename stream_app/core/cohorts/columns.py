"""One table of cohort totals as columns: how totals travel, and what is added up for a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stream_app.core.cohorts.cells import CELLS, FIELDS, GROSS, REFUNDS, Cell, Cohort
from stream_app.core.cohorts.grid import SAFE
from stream_app.core.cohorts.tally import added_up
from stream_app.core.cohorts.unpacked import Bools, Integers

MEMBERS: Final = 0
BUYERS: Final = 1
HEAD: Final = 2
"""Numbers of a cohort before those of its cells: members and buyers."""
WIDTH: Final = HEAD + CELLS * FIELDS
"""Numbers of a cohort: the head, then each cell's fields."""
DAY_BITS: Final = 17
"""Enough for every number of days."""
_MONTH_BITS: Final = 13


@dataclass(frozen=True, eq=False)
class Columns:
    """The cohorts of a table, a row each; no two rows have the same channel and month."""

    channels: list[str | None]
    """Names by number."""
    channel: Integers
    """Of each cohort: the number of its channel."""
    month: Integers
    """Of each cohort: months since January 1970; NO_MONTH for those without."""
    numbers: NDArray[Any]
    """A row of WIDTH numbers a cohort; int64, or dtype object where that is not enough."""
    beyond: dict[tuple[int, int], int]
    """By row and column: what has to be added to a number, where it is more than 64 bits."""
    second_row: Integers
    """Which cohort the other two are about; in order of cohort and days, each pair once."""
    second_days: Integers
    """Days from the first to the second purchase day."""
    second_members: Integers
    """Members with just that many."""

    def __len__(self) -> int:
        return len(self.month)

    @property
    def members(self) -> int:
        """Of all cohorts."""
        return self._sum([MEMBERS])

    @property
    def net_minor(self) -> int:
        """Gross less refunds, of all cells of all cohorts."""
        gross, refunds = (range(HEAD + field, WIDTH, FIELDS) for field in (GROSS, REFUNDS))
        return self._sum(gross) - self._sum(refunds)

    def cohorts(self) -> list[Cohort]:
        """The totals of each row."""
        numbers: list[list[int]] = self.numbers.tolist()
        for (row, column), value in self.beyond.items():
            numbers[row][column] += value
        days, members = self.second_days.tolist(), self.second_members.tolist()
        ends = np.searchsorted(self.second_row, np.arange(len(numbers) + 1)).tolist()
        second = (
            dict(zip(days[start:end], members[start:end], strict=True))
            for start, end in pairwise(ends)
        )
        return [
            Cohort(row[MEMBERS], row[BUYERS], _cells(row), after)
            for row, after in zip(numbers, second, strict=True)
        ]

    def _sum(self, columns: Sequence[int]) -> int:
        """Of some columns, exact."""
        numbers = self.numbers[:, list(columns)]
        # In two halves: of neither can a sum be too large for 64 bits.
        total = (int((numbers >> 32).sum()) << 32) + int((numbers & 0xFFFFFFFF).sum())
        return total + sum(value for (_, at), value in self.beyond.items() if at in columns)

    def of(self, chosen: Bools) -> Columns:
        """Some of the cohorts."""
        place = np.cumsum(chosen) - 1
        second = chosen[self.second_row]
        return Columns(
            self.channels,
            self.channel[chosen],
            self.month[chosen],
            self.numbers[chosen],
            {(int(place[row]), at): v for (row, at), v in self.beyond.items() if chosen[row]},
            place[self.second_row[second]],
            self.second_days[second],
            self.second_members[second],
        )


def summed(parts: Sequence[Columns], *, by_channel: bool) -> Columns:
    """The totals of all parts together, in order of channel and month, each pair once.

    Without `by_channel` the channels are added up too, and stand under None.
    """
    names: list[str | None] = [None]
    if by_channel:
        names += sorted({name for part in parts for name in part.channels if name is not None})
    number_of = {name: number for number, name in enumerate(names)}
    keys = [_keys(part, number_of) for part in parts]
    every = np.unique(np.concatenate([_NOTHING, *keys]))
    numbers: NDArray[Any] = np.zeros((len(every), WIDTH), _dtype(parts))
    beyond: dict[tuple[int, int], int] = {}
    second = [(_NOTHING, _NOTHING, _NOTHING)]
    for part, key in zip(parts, keys, strict=True):
        place = np.searchsorted(every, key)
        _add(numbers, place, part.numbers)
        for (row, column), value in part.beyond.items():
            at = int(place[row]), column
            beyond[at] = beyond.get(at, 0) + value
        second.append((place[part.second_row], part.second_days, part.second_members))
    return Columns(
        names,
        every >> _MONTH_BITS,
        (every & (1 << _MONTH_BITS) - 1) - _MONTHS_FROM,
        numbers,
        beyond,
        *_counted(second),
    )


_NOTHING: Final = np.zeros(0, np.int64)
_DENSE: Final = 1 << 22
"""Numbers up to which counting in an array is faster than sorting."""
_MONTHS_FROM: Final = 2
"""Months are numbered from here below 0 on in keys, so that none is negative."""


def _keys(part: Columns, number_of: dict[str | None, int]) -> Integers:
    numbers = np.array([number_of.get(name, 0) for name in part.channels], np.int64)
    return (numbers[part.channel] << _MONTH_BITS) + (part.month + _MONTHS_FROM)


def _dtype(parts: Sequence[Columns]) -> type:
    """int64 if no sum can be too large for it."""
    bound = 0.0
    for part in parts:
        if part.numbers.dtype == object:
            return object
        if len(part):
            bound += float(np.abs(part.numbers).max()) * len(part)
    return np.int64 if bound < SAFE else object


def _add(numbers: NDArray[Any], place: Integers, values: NDArray[Any]) -> None:
    """Add rows at places, which may repeat."""
    if len(place) == len(numbers) and (place == np.arange(len(place))).all():
        numbers += values  # every cohort, in order: most often so, and many times as fast
        return
    order = np.argsort(place, kind="stable")
    sorted_place = place[order]
    heads = np.flatnonzero(np.diff(sorted_place, prepend=-1))
    if len(heads) == len(place):
        numbers[place] += values
        return
    numbers[sorted_place[heads]] += np.add.reduceat(values[order].astype(numbers.dtype), heads)


def _counted(parts: Sequence[tuple[Integers, Integers, Integers]]) -> tuple[Integers, ...]:
    """Rows, days and members of all parts, each row and days once, in their order."""
    rows, days, members = (np.concatenate(column) for column in zip(*parts, strict=True))
    span = int(days.max(initial=0)) + 1
    numbers = rows * span + days
    if int(rows.max(initial=0)) * span < _DENSE:
        counts = np.bincount(numbers, members).astype(np.int64)  # exact: no count is over 2^53
        every = np.flatnonzero(counts)
        counts = counts[every]
    else:
        every, counts = added_up([(numbers, members)])
    return every // span, every % span, counts


def _cells(numbers: list[int]) -> dict[int, Cell]:
    """The cells of one row that are not all 0."""
    found = {}
    for place, start in enumerate(range(HEAD, WIDTH, FIELDS)):
        cell = numbers[start : start + FIELDS]
        if any(cell):
            found[place] = Cell(*cell)
    return found
