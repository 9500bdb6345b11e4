"""One cohort as a report tells it: month by month since its own, and how far to rely on it.

    LTR(k)     net revenue of offsets 0..k / all members, cumulative
    ARPU(k)    net revenue of offset k / members
    ARPPU(k)   net revenue of offset k / members with net payment above 0 in it
    active(k)  members with an activity or a purchase in offset k / members; paying(k) alike

Offset k is k calendar months after the cohort's. A month is complete when it has passed; what the
data do not cover wholly is partial; a month that has not begun is not there, and never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from stream_app.core.calendar import month_of, month_start
from stream_app.core.cohorts.cells import Cell

Metric: TypeAlias = Literal["ltr", "arpu", "arppu", "active", "paying", "revenue"]
METRICS: Final[tuple[Metric, ...]] = ("ltr", "arpu", "arppu", "active", "paying", "revenue")
SHARES: Final = frozenset[Metric]({"active", "paying"})
"""Metrics that are shares of the members; the others are money in minor units."""

State: TypeAlias = Literal["complete", "incomplete", "partial"]


@dataclass(frozen=True)
class Known:
    """How far the data reach."""

    as_of_month: int
    """The business month in progress: those before it have passed."""
    from_month: int | None
    """The first month that the data cover from its first day; None: no month."""

    def state(self, month: int) -> State:
        """Of what happened in a month that has begun."""
        if self.from_month is None or month < self.from_month:
            return "partial"
        return "complete" if month < self.as_of_month else "incomplete"


def covered_from(data_from: int | None, *first_days: int | None) -> int | None:
    """The first month covered wholly: from a day that is set, else from the first records.

    A month that begins with the day counts, else the next does. Of several kinds of records, the
    one that begins last decides; None where there is none.

    >>> august_15, september_1 = 19_950, 19_967
    >>> covered_from(None, august_15) == covered_from(september_1, 0) == month_of(september_1)
    True
    """
    days = [day for day in first_days if day is not None] if data_from is None else [data_from]
    months = (month_of(day) + (day != month_start(month_of(day))) for day in days)
    return max(months, default=None)


class Offset(NamedTuple):
    """One cohort in one month since its own."""

    offset: int
    month: int
    cell: Cell
    net_so_far_minor: int
    """Of offsets 0 to this one."""
    state: State
    """Of the month alone."""
    state_so_far: State
    """Of offsets 0 to this one."""


@dataclass(frozen=True)
class Acquisition:
    """What the members cost, and whether they have paid it back."""

    cost_minor: int
    payback_offset: int | None
    """First complete offset k with LTR(k) >= CAC; None while there is none."""


@dataclass(frozen=True)
class Line:
    """One cohort of a report."""

    month: int | None
    """None: those without a month, who have no offsets."""
    members: int
    buyers: int
    """Members with a purchase day."""
    offsets: tuple[Offset | None, ...]
    """From 0 to the last that was asked for; None for a month that has not begun."""
    before: Cell
    """All months before the cohort's, summed."""
    later: Cell
    """All months past the last offset that was asked for, summed."""
    total: Cell
    """Everything: with `before` and, for those without a month, what is in no offset."""
    second_buyers: int
    """Members with a second purchase day."""
    second_median_days: float | None
    """Median of the days from the first to the second purchase day; None without any."""
    acquisition: Acquisition | None = None
    """None where no cost is known."""

    @property
    def second_rate(self) -> float | None:
        """Share of the buyers who bought on a second day."""
        return self.second_buyers / self.buyers if self.buyers else None

    @property
    def before_share(self) -> float | None:
        """Share of the net revenue that came before the cohort's month; None of nothing."""
        whole = self.total.net_minor
        return self.before.net_minor / whole if whole else None

    @property
    def arppu_minor(self) -> float | None:
        """Net revenue of the offsets told of / their payer-months."""
        told = [one.cell for one in self.offsets if one is not None]
        payers = sum(cell.payers for cell in told)
        return sum(cell.net_minor for cell in told) / payers if payers else None

    @property
    def latest(self) -> Offset | None:
        """The last offset up to which everything is complete."""
        whole = [one for one in self.offsets if one is not None and one.state_so_far == "complete"]
        return whole[-1] if whole else None

    def value(self, metric: Metric, offset: int) -> float | None:
        """A number of the report; money in minor units. None where there is none."""
        one = self.offsets[offset] if offset < len(self.offsets) else None
        if one is None:
            return None
        return value(metric, one.cell, one.net_so_far_minor, self.members)

    def state(self, metric: Metric, offset: int) -> State | None:
        """How far the number can be relied on; None where there is none."""
        one = self.offsets[offset] if offset < len(self.offsets) else None
        if one is None:
            return None
        return one.state_so_far if metric == "ltr" else one.state

    @property
    def cac_minor(self) -> float | None:
        """Cost of acquisition / members."""
        return None if self.acquisition is None else self.acquisition.cost_minor / self.members

    @property
    def ltr_less_cac_minor(self) -> float | None:
        """LTR of the latest complete offset less CAC."""
        if self.acquisition is None or self.latest is None:
            return None
        return (self.latest.net_so_far_minor - self.acquisition.cost_minor) / self.members

    @property
    def ltr_per_cac(self) -> float | None:
        """LTR of the latest complete offset / CAC; None where it cost nothing."""
        if self.acquisition is None or self.latest is None or not self.acquisition.cost_minor:
            return None
        return self.latest.net_so_far_minor / self.acquisition.cost_minor


def value(metric: Metric, cell: Cell, net_so_far_minor: int, members: int) -> float | None:
    """A metric of a month's cell, of the net revenue up to it, and of the members."""
    if metric == "revenue":
        return cell.net_minor
    if metric == "arppu":
        return cell.net_minor / cell.payers if cell.payers else None
    counted = {
        "ltr": net_so_far_minor,
        "arpu": cell.net_minor,
        "active": cell.active,
        "paying": cell.payers,
    }
    return counted[metric] / members
