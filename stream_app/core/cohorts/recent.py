"""A table's latest cohorts in two numbers each, under a bounded number of names.

Dashboards keep a line a name for ever: so months far back share one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from stream_app.core.calendar import month_text
from stream_app.core.cohorts.cells import NO_MONTH_NAMES, Table
from stream_app.core.cohorts.columns import Columns
from stream_app.core.cohorts.unpacked import NO_MONTH

MONTHS: Final = 12
"""That have a name of their own."""
EARLIER: Final = "earlier"


class Worth(NamedTuple):
    """Of a cohort, or of several."""

    members: int
    net_minor: int
    """Gross less refunds of all months, minor units."""


def recent(columns: Columns, table: Table, newest: int) -> dict[str, Worth]:
    """The cohorts of the `MONTHS` months up to `newest` (since January 1970) by ``YYYY-MM``, those
    before as `EARLIER`, those without a month by their name; each is there, also without members.

    Cohorts after `newest` count as its own: nobody is left out.
    """
    month = columns.month
    dated = month != NO_MONTH
    first = newest - MONTHS + 1
    chosen = {month_text(each): month == each for each in range(first, newest)}
    chosen[month_text(newest)] = month >= newest
    chosen[EARLIER] = dated & (month < first)
    chosen[NO_MONTH_NAMES[table]] = ~dated
    parts = {name: columns.of(which) for name, which in chosen.items()}
    return {name: Worth(part.members, part.net_minor) for name, part in parts.items()}
