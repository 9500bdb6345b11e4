"""Which days of a long history can be left out of a difference, since nothing changed in them.

Nearly every event is later than all before it. So both versions of a customer begin with the same
rows, and what they contribute up to the first month with a row that differs is the same as well:
a customer of a thousand days costs hardly more than one of ten.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from stream_app.core.cohorts.unpacked import SIZES, Bools, Integers, Unpacked, months_of

LONG: Final = 8
"""Rows from which on looking for what is the same costs less than counting it twice."""


class Unchanged(NamedTuple):
    """Customers of whom the first months are left out, in both versions."""

    who: Integers
    """Their places among those before; `size` further on they are among those after."""
    size: int
    rows: Integers
    """Rows of each that are left out."""
    month: Integers
    """The first month of each that is not left out."""
    first_day: Integers
    """First purchase day of each, which is that of the first row."""

    def of_all(self, values: Integers, default: int) -> Integers:
        """A column over all customers, before and after, from one over these."""
        column = np.full(2 * self.size, default)
        column[self.who] = column[self.who + self.size] = values
        return column


def unchanged(facts: Unpacked) -> Unchanged | None:
    """What can be left out where the second half of customers is the first half, later on.

    None where that is nothing. Only of those whose first two rows are purchase days, so that the
    cohort is known without the others and the second purchase is the same before and after.
    """
    size = facts.size // 2
    common = np.minimum(facts.counts[:size], facts.counts[size:]) - 1
    who = np.flatnonzero((common >= LONG) & (facts.codes[:size] == facts.codes[size:]))
    if len(who):
        who = who[_alike(facts, who, who + size, common[who])]
    if len(who):
        who = who[(facts.row_orders(who, 0) >= 1) & (facts.row_orders(who, 1) >= 1)]
    if not len(who):
        return None
    days = [facts.row_days(side, common[who]) for side in (who, who + size)]
    month = months_of(np.minimum(*days))
    rows = _begin_of_month(facts, who, common[who], month)
    return Unchanged(who, size, rows, month, facts.row_days(who, 0))


def _alike(facts: Unpacked, before: Integers, after: Integers, rows: Integers) -> Bools:
    """Whether so many first rows, the signup and the months of activity are the same bytes."""
    joined = facts.joined
    places = (
        facts.first_rows[before],
        facts.first_rows[before] + rows * SIZES[facts.codes[before]],
        facts.first_rows[after],
        facts.sections[before],
        facts.section_ends(before)[1],
        facts.sections[after],
        facts.section_ends(after)[1],
    )
    return np.array(
        [
            joined.startswith(joined[begin:end], other) and joined[b:e] == joined[o:f]
            for begin, end, other, b, e, o, f in np.array(places).T.tolist()
        ]
    )


def _begin_of_month(facts: Unpacked, who: Integers, rows: Integers, month: Integers) -> Integers:
    """The first row of each that is in its month or later; at most 31 steps back."""
    rows = rows.copy()
    back = np.arange(len(who))
    while len(back):
        back = back[months_of(facts.row_days(who[back], rows[back] - 1)) >= month[back]]
        rows[back] -= 1
        back = back[rows[back] > 0]
    return rows
