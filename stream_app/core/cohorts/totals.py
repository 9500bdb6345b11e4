"""Cohort totals of a set of customers, changed by difference: equal to a recount at any moment.

>>> from stream_app.core.events import Purchase
>>> before, after = Customer(), Customer()
>>> for number, (customer, day) in enumerate(((before, 100), (after, 100), (after, 140))):
...     _ = customer.apply(Purchase("c", str(day), "o", 0, day, "USD", 500, 500))
>>> totals = Totals()
>>> totals.add([before])
>>> totals.change([before], [after])
>>> totals.columns("first-purchase").cohorts()[0].cells[1].gross_minor
500
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from stream_app.core.cohorts.cells import (
    AFTER,
    BEFORE,
    FIELDS,
    OFFSETS,
    TABLES,
    UNDATED,
    Cohort,
    Key,
    Table,
)
from stream_app.core.cohorts.channels import Channels
from stream_app.core.cohorts.columns import BUYERS, DAY_BITS, HEAD, MEMBERS, WIDTH, Columns
from stream_app.core.cohorts.contributions import (
    NEVER,
    Contributions,
    cohort_months,
    contributions,
)
from stream_app.core.cohorts.difference import difference
from stream_app.core.cohorts.directory import Directory, key_numbers
from stream_app.core.cohorts.grid import Grid
from stream_app.core.cohorts.tally import Tally
from stream_app.core.cohorts.unchanged import unchanged
from stream_app.core.cohorts.unpacked import NO_MONTH, WIDE, Bools, Integers, Unpacked
from stream_app.core.customer import Customer

_NOBODY: Final = b""
"""Stands for the facts of a customer who was not there yet."""
_EACH_TABLE: Final = np.arange(len(TABLES))[:, None]


class _Places(NamedTuple):
    """Where the customers before and after, end to end, are counted: a row a table."""

    months: Integers
    """Of each table and customer: the month of its cohort."""
    rows: Integers
    """Of each table and customer: its cohort's row of the grid."""
    stays: Bools
    """Of each pair: whether it is in the same cohorts before and after."""
    come: Integers
    """Places of those to be counted where they were not."""
    gone: Integers
    """Places of those counted where they no longer belong."""


class Totals:
    """The cohort totals of some customers: none at first.

    Totals depend on the customers alone, not on how they came to be counted. Sums are exact, of
    whatever size. A cohort without members is not there.
    """

    def __init__(self) -> None:
        self._channels = Channels()
        self._directory = Directory()
        self._grid = Grid(WIDTH)
        self._second = Tally()
        """By row and days from the first to the second purchase day."""
        self._first_days = Tally()
        """By table and the day that puts a customer into its cohort."""

    def add(self, customers: Sequence[Customer]) -> None:
        """Count customers that are not counted yet."""
        self.change([None] * len(customers), customers)

    def change(self, before: Sequence[Customer | None], after: Sequence[Customer]) -> None:
        """Count customers as they are now instead of as they were.

        `before` has, for each, the version that is counted; None where none is. A call has a price
        of its own, about that of 300 customers; from 1,000 on it hardly matters.
        """
        held = [_NOBODY if one is None else one.facts for one in before]
        held += [one.facts for one in after]
        if len(held) != 2 * len(after):
            raise ValueError(f"{len(before)} customers before and {len(after)} after")
        if held:
            self._change(held)

    def merge(self, other: Totals) -> None:
        """Count everybody whom `other` counts, too; nobody may be counted in both."""
        for number, table in enumerate(TABLES):
            part = other.columns(table)
            named = (b"" if name is None else name.encode() for name in part.channels)
            channels = np.array([self._channels.number(name) for name in named], np.int64)
            rows = self._rows(key_numbers(number, channels[part.channel], part.month))
            self._grid.add_rows(rows, part.numbers)
            self._grid.add_beyond(
                (int(rows[row]) * WIDTH + column, value)
                for (row, column), value in part.beyond.items()
            )
            second = rows[part.second_row] << DAY_BITS | part.second_days
            self._second.count(second, part.second_members)
        self._first_days.count(*other._first_days.settled())

    def columns(self, table: Table) -> Columns:
        """The cohorts of one table; shares nothing with these totals."""
        channel, month, rows = self._directory.entries(TABLES.index(table))
        used, channel = np.unique(channel, return_inverse=True)
        place = np.full(self._directory.size, -1)
        place[rows] = np.arange(len(rows))
        told, members = self._second.settled()
        second_row = place[told >> DAY_BITS]
        own = np.flatnonzero(second_row >= 0)
        own = own[np.argsort(second_row[own], kind="stable")]
        beyond = ((*divmod(at, WIDTH), value) for at, value in self._grid.beyond.items())
        return Columns(
            [self._channels.names[number] for number in used.tolist()],
            channel,
            month,
            self._grid.array.reshape(-1, WIDTH)[rows],
            {(int(place[row]), at): value for row, at, value in beyond if place[row] >= 0},
            second_row[own],
            told[own] & (1 << DAY_BITS) - 1,
            members[own],
        )

    def cohorts(self, table: Table) -> dict[Key, Cohort]:
        """The cohorts of one table by name."""
        found = self.columns(table)
        keys = (
            Key(table, found.channels[channel], None if month == NO_MONTH else month)
            for channel, month in zip(found.channel.tolist(), found.month.tolist(), strict=True)
        )
        return dict(zip(keys, found.cohorts(), strict=True))

    def first_day(self, table: Table) -> int | None:
        """The earliest signup day, or first purchase day, of any customer; None without one."""
        numbers, _ = self._first_days.settled()
        number = TABLES.index(table)
        own = numbers[numbers >> DAY_BITS == number]
        return int(own[0] & (1 << DAY_BITS) - 1) - 1 if len(own) else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Totals) and all(
            self.cohorts(table) == other.cohorts(table)
            and self.first_day(table) == other.first_day(table)
            for table in TABLES
        )

    __hash__ = None  # type: ignore[assignment]

    def _change(self, held: list[bytes]) -> None:
        size = len(held) // 2
        facts = Unpacked(held)
        wide = WIDE[facts.codes]
        if wide.any():
            wide = wide[:size] | wide[size:]
            if not wide.all():
                # A few whose sums are beyond 64 bits must not make all the others slow.
                for chosen in (np.flatnonzero(wide).tolist(), np.flatnonzero(~wide).tolist()):
                    self._change([held[pair + side] for side in (0, size) for pair in chosen])
                return
        found = contributions(facts, unchanged(facts))
        places = self._places(facts, found)
        self._count_members(places, found)
        self._count_days(places, found)
        self._count_months(places, found)
        self._drop_empty(places)

    def _places(self, facts: Unpacked, found: Contributions) -> _Places:
        size = facts.size // 2
        channel = np.zeros(facts.size, np.int64)
        ends = facts.channel_ends(found.signed_up)
        channel[found.signed_up] = self._channels.numbers(facts.joined, ends)
        months = np.array((cohort_months(found.signup_day), cohort_months(found.first_day)))
        keys = key_numbers(_EACH_TABLE, channel, months)
        stays = facts.present[:size] & (keys[:, :size] == keys[:, size:]).all(axis=0)
        moves = np.flatnonzero(~stays)
        gone = moves[facts.present[moves]]
        rows = self._rows(np.concatenate((keys[:, size:], keys[:, gone]), axis=1))
        rows = np.concatenate((rows[:, :size], rows), axis=1)
        rows[:, gone] = rows[:, 2 * size :]
        return _Places(months, rows[:, : 2 * size], stays, moves + size, gone)

    def _rows(self, keys: Integers) -> Integers:
        rows = self._directory.rows(keys.ravel()).reshape(keys.shape)
        held = len(self._grid.array) // WIDTH
        if held < self._directory.size:
            self._grid.grow(max(self._directory.size, 2 * held))
        return rows

    def _count_members(self, places: _Places, found: Contributions) -> None:
        bought = found.first_day != NEVER
        for sign, who in ((1, places.come), (-1, places.gone)):
            for column, counted in ((MEMBERS, who), (BUYERS, who[bought[who]])):
                at = places.rows[:, counted] * WIDTH + column
                self._grid.count(at.ravel(), sign)

    def _count_days(self, places: _Places, found: Contributions) -> None:
        """The days to the second purchase, and those that put customers into cohorts."""
        size, after = len(places.stays), found.second_after
        changed = ~places.stays | (after[:size] != after[size:])
        for sign, side in ((1, size), (-1, 0)):
            who = np.flatnonzero(changed & (after[side : side + size] > 0)) + side
            for rows in places.rows[:, who]:
                self._second.count(rows << DAY_BITS | after[who], sign)
        for table, days in enumerate((found.signup_day, found.first_day)):
            moved = days[:size] != days[size:]
            for sign, side in ((1, size), (-1, 0)):
                own = days[side : side + size][moved]
                self._first_days.count(table << DAY_BITS | own[own != NEVER] + 1, sign)

    def _count_months(self, places: _Places, found: Contributions) -> None:
        changed = difference(found.months, places.stays)
        owner = changed.owner
        cells = _cells(changed.month, places.months[:, owner])
        first = places.rows[:, owner] * WIDTH + HEAD + cells * FIELDS
        at = first[:, None, :] + np.arange(FIELDS)[:, None]
        self._grid.add(at.ravel(), np.broadcast_to(changed.values, at.shape).ravel())

    def _drop_empty(self, places: _Places) -> None:
        """Forget the cohorts that nobody is in any more."""
        left = set(places.rows[:, places.gone].ravel().tolist())
        empty = [row for row in left if not self._grid.array[row * WIDTH + MEMBERS]]
        cleared = [row for row in empty if self._grid.clear(row)]
        if cleared:
            self._directory.drop(cleared)


def _cells(month: Integers, cohort: Integers) -> Integers:
    """In which cell of its cohort each month is."""
    offset = month - cohort
    cells = np.where(offset < OFFSETS, offset, AFTER)
    cells[offset < 0] = BEFORE
    cells[cohort == NO_MONTH] = UNDATED
    return cells
