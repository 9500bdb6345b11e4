"""What each of many customers contributes: its cohorts, and its months in numbers."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream_app.core.cohorts.cells import FIELDS
from stream_app.core.cohorts.unchanged import Unchanged
from stream_app.core.cohorts.unpacked import (
    NO_MONTH,
    Bools,
    Integers,
    Rows,
    Unpacked,
    months_of,
)

NEVER: Final = -2
"""Stands for a day where there is none; days begin with -1."""
MONTH_BITS: Final = 12
"""Enough for every month, NO_MONTH counted."""
_MONTH: Final = (1 << MONTH_BITS) - 1


class Months(NamedTuple):
    """What customers did month by month, in order of customer and month."""

    at: Integers
    """Customer's place and month as one number, see `at`."""
    values: NDArray[Any]
    """A row a field of `Cell`, a column a month; int64, or dtype object beyond it."""

    @property
    def owner(self) -> Integers:
        """Places of customers."""
        return self.at >> MONTH_BITS

    @property
    def month(self) -> Integers:
        """Months since January 1970."""
        return (self.at & _MONTH) + NO_MONTH


class Contributions(NamedTuple):
    """Columns over customers, and their months."""

    signup_day: Integers
    """NEVER without a signup."""
    signed_up: Integers
    """Places of those who have one."""
    first_day: Integers
    """First purchase day; NEVER for who never bought."""
    second_after: Integers
    """Days from the first to the second purchase day; 0 where there is no second, and for those of
    whom months are left out."""
    months: Months


def contributions(facts: Unpacked, left_out: Unchanged | None = None) -> Contributions:
    """The contributions of these customers, less the months that are left out."""
    signup_day = np.full(facts.size, NEVER)
    signed_up, day = facts.signup_days()
    signup_day[signed_up] = day
    rows = facts.rows(None if left_out is None else left_out.of_all(left_out.rows, 0))
    first_day, second_after = _first_days(rows, facts.size)
    owner, month = facts.active_months()
    if left_out is not None:
        sides = np.concatenate((left_out.who, left_out.who + left_out.size))
        first_day[sides] = np.tile(left_out.first_day, 2)
        second_after[sides] = 0  # it has not changed, and nobody asks for more
        kept = month >= left_out.of_all(left_out.month, NO_MONTH)[owner]
        owner, month = owner[kept], month[kept]
    months = _with_activity(_summed(rows), owner, month)
    return Contributions(signup_day, signed_up, first_day, second_after, months)


def cohort_months(day: Integers) -> Integers:
    """Months of days; NO_MONTH where the day is NEVER."""
    never = day == NEVER
    months = months_of(day + never)
    months[never] = NO_MONTH
    return months


def placed(owner: Integers, month: Integers) -> Integers:
    """Customer's place and month as one number, in order of both."""
    return (owner << MONTH_BITS) + (month - NO_MONTH)


def _first_days(rows: Rows, size: int) -> tuple[Integers, Integers]:
    """First purchase day, and days from it to the second."""
    owner, day = rows.owner, rows.day
    bought = rows.orders >= 1
    if not bought.all():
        owner, day = owner[bought], day[bought]
    first, after = np.full(size, NEVER), np.zeros(size, np.int64)
    heads = np.flatnonzero(_begins(owner))
    first[owner[heads]] = day[heads]
    second = heads + 1
    second = second[np.append(heads[1:], len(owner)) > second]
    after[owner[second]] = day[second] - day[second - 1]
    return first, after


def _summed(rows: Rows) -> Months:
    """Rows of days summed by customer and month."""
    at = placed(rows.owner, months_of(rows.day))
    begins = _begins(at)
    heads = np.flatnonzero(begins)
    values = np.empty((FIELDS, len(heads)), np.result_type(rows.gross, rows.refunds))
    columns = (rows.orders, rows.orders >= 1, rows.gross, rows.refunds)
    for sums, column in zip(values[2:], columns, strict=True):
        sums[:] = column[heads]
    if len(heads) < len(at):  # few months have a second day; to those it is added
        others = np.flatnonzero(~begins)
        month = np.cumsum(begins)[others] - 1
        for sums, column in zip(values[2:], columns, strict=True):
            np.add.at(sums, month, column[others])
    values[0] = values[3] > 0
    values[1] = values[4] > values[5]
    return Months(at[heads], values)


def _with_activity(months: Months, owner: Integers, month: Integers) -> Months:
    """The months with these marked as active; those in which nothing else happened are put in."""
    if not len(owner):
        return months
    at = placed(owner, month)
    place = np.searchsorted(months.at, at)
    known = np.append(months.at, -1)[place] == at
    months.values[0, place[known]] = 1
    place, at = place[~known], at[~known]
    values = np.insert(months.values, place, 0, axis=1)
    values[0, place + np.arange(len(place))] = 1
    return Months(np.insert(months.at, place, at), values)


def _begins(ascending: Integers) -> Bools:
    """Where another number begins."""
    begins = np.ones(len(ascending), np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=begins[1:])
    return begins
