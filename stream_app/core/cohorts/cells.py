"""The vocabulary of cohort totals: tables, cohorts, cells, and the numbers in a cell.

A customer is in two tables, once in each: by the month of its signup and by the month of its first
purchase day. Within a table it belongs to one channel and one cohort. What it did in a calendar
month is counted in the cell of that month's offset from the cohort's.

Whoever has no such month is in the cohort without one (`unknown` by signup, `none` by first
purchase), and all of its months are in that cohort's one cell, `undated`. So each table counts
every customer once and all of its money once, whatever is known of it.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

Table: TypeAlias = Literal["signup", "first-purchase"]
TABLES: Final[tuple[Table, ...]] = ("signup", "first-purchase")
NO_MONTH_NAMES: Final[dict[Table, str]] = {"signup": "unknown", "first-purchase": "none"}
"""What the cohort of those without such a month is called."""

OFFSETS: Final = 36
"""Cells 0..35: calendar months since the cohort's month."""
BEFORE: Final = 36
"""The cell of all months before the cohort's: a purchase may precede the signup."""
AFTER: Final = 37
"""The cell of all months past the last offset."""
UNDATED: Final = 38
"""The cell of all months of the cohort without a month."""
CELLS: Final = 39
_OTHERS: Final = ("before", "after", "undated")


class Cell(NamedTuple):
    """What members did in a month; in a cell of several months, summed over these."""

    active: int = 0
    """Members with an activity record or a purchase day in the month."""
    payers: int = 0
    """Members whose gross less refunds in the month is above 0."""
    orders: int = 0
    """Purchases less cancellations."""
    purchase_days: int = 0
    """Days of a member with at least one purchase more than cancellations."""
    gross_minor: int = 0
    """Money of purchases less that of cancellations."""
    refunds_minor: int = 0

    @property
    def net_minor(self) -> int:
        """Gross less refunds."""
        return self.gross_minor - self.refunds_minor


FIELDS: Final = len(Cell._fields)
GROSS: Final = Cell._fields.index("gross_minor")
REFUNDS: Final = Cell._fields.index("refunds_minor")
EMPTY: Final = Cell()


class Key(NamedTuple):
    """Which cohort."""

    table: Table
    channel: str | None
    """Acquisition channel of the signup; None where there is no signup or it names none."""
    month: int | None
    """Months since January 1970; None for those without one."""


class Cohort(NamedTuple):
    """The totals of one cohort."""

    members: int
    """Customers, also those who never bought."""
    buyers: int
    """Members with a purchase day."""
    cells: dict[int, Cell]
    """By place (an offset, BEFORE, AFTER or UNDATED); cells of zeros are left out."""
    second_after: dict[int, int]
    """Days from the first to the second purchase day -> members with just that many."""


def cell_name(place: int) -> str:
    """
    >>> cell_name(3), cell_name(BEFORE)
    ('3', 'before')
    """
    return str(place) if place < OFFSETS else _OTHERS[place - OFFSETS]
