"""The cohort report, from totals that are added up.

LTR(k) leaves out what came before a cohort's month, and each line says how much that is. Sums over
cohorts are made only of cohorts for whom the month is complete, weighted by their members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from stream_app.core.cohorts.cells import AFTER, BEFORE, EMPTY, OFFSETS, Cell, Cohort, Table
from stream_app.core.cohorts.columns import Columns, summed
from stream_app.core.cohorts.lines import Acquisition, Known, Line, Metric, Offset, State, value
from stream_app.core.cohorts.unpacked import NO_MONTH

NO_CHANNEL: Final = ""
"""What no channel is called: names have at least one character."""


@dataclass(frozen=True)
class Asked:
    """Which part of the totals a report is about."""

    table: Table
    channel: str | None = None
    """Only this acquisition channel; empty: only those without one; None: everybody."""
    first: int | None = None
    """First cohort, months since January 1970; None: the earliest."""
    last: int | None = None
    offsets: int = 11
    """The last offset told of, at most 35."""


class _Pool(NamedTuple):
    """Cohorts taken together in one offset."""

    members: int
    cell: Cell
    net_so_far_minor: int


@dataclass(frozen=True)
class Report:
    """Cohorts in order of month, and what they are together."""

    asked: Asked
    known: Known
    lines: tuple[Line, ...]
    """Cohorts with a month, in its order."""
    undated: Line | None
    """Those without a month; None where there is nobody, or cohorts were chosen by month."""
    costs_without_cohort: Mapping[int, int]
    """Costs in minor units of months in which nobody was won."""

    @property
    def every(self) -> tuple[Line, ...]:
        """All lines, those without a month last."""
        return self.lines if self.undated is None else (*self.lines, self.undated)

    @property
    def members(self) -> int:
        """Of all lines."""
        return sum(line.members for line in self.every)

    @property
    def total(self) -> Cell:
        """Of all lines, everything."""
        return added(line.total for line in self.every)

    def pooled(self, metric: Metric, offset: int) -> float | None:
        """The metric of all cohorts for whom it is complete, as if they were one.

        None where there is none, and for revenue: sums of ever fewer cohorts can't be compared.
        """
        pool = (self._so_far if metric == "ltr" else self._months)[offset]
        if metric == "revenue" or not pool.members:
            return None
        return value(metric, pool.cell, pool.net_so_far_minor, pool.members)

    @cached_property
    def _months(self) -> tuple[_Pool, ...]:
        return self._pools(lambda one: one.state)

    @cached_property
    def _so_far(self) -> tuple[_Pool, ...]:
        return self._pools(lambda one: one.state_so_far)

    def _pools(self, state: Callable[[Offset], State]) -> tuple[_Pool, ...]:
        """Of each offset the cohorts that are complete."""
        pools: list[_Pool] = []
        for offset in range(self.asked.offsets + 1):
            told = ((line.members, line.offsets[offset]) for line in self.lines)
            whole = [(n, one) for n, one in told if one is not None and state(one) == "complete"]
            pools.append(
                _Pool(
                    sum(members for members, _ in whole),
                    added(one.cell for _, one in whole),
                    sum(one.net_so_far_minor for _, one in whole),
                )
            )
        return tuple(pools)


def report(
    columns: Columns, asked: Asked, known: Known, costs: Mapping[int, int] | None = None
) -> Report:
    """The report of one table, by channel or not.

    `costs` are those of acquisition in minor units, by cohort; of the channel that was asked for.
    """
    chosen = of_channel(columns, asked.channel)
    found = summed([chosen], by_channel=False)
    costs = {} if costs is None else {m: cost for m, cost in costs.items() if _within(asked, m)}
    lines: list[Line] = []
    undated: Line | None = None
    for month, cohort in zip(found.month.tolist(), found.cohorts(), strict=True):
        if month == NO_MONTH:
            if asked.first is None and asked.last is None:
                undated = _line(cohort, None, asked, known, None)
        elif _within(asked, month):
            lines.append(_line(cohort, month, asked, known, costs.pop(month, None)))
    return Report(asked, known, tuple(lines), undated, dict(sorted(costs.items())))


def of_channel(columns: Columns, channel: str | None) -> Columns:
    """Only the cohorts of one channel; empty: of no channel; None: all."""
    if channel is None:
        return columns
    wanted = None if channel == NO_CHANNEL else channel
    number = columns.channels.index(wanted) if wanted in columns.channels else -1
    return columns.of(columns.channel == number)


def added(cells: Iterable[Cell]) -> Cell:
    """The sum of cells.

    >>> added([Cell(1, 1, 2, 2, 500, 20), Cell(gross_minor=1)])
    Cell(active=1, payers=1, orders=2, purchase_days=2, gross_minor=501, refunds_minor=20)
    """
    return Cell(*(sum(column) for column in zip(EMPTY, *cells, strict=True)))


def _within(asked: Asked, month: int) -> bool:
    return (asked.first is None or asked.first <= month) and (
        asked.last is None or month <= asked.last
    )


def _line(
    cohort: Cohort, month: int | None, asked: Asked, known: Known, cost_minor: int | None
) -> Line:
    cells = cohort.cells
    offsets = () if month is None else _offsets(cohort, month, known)
    told = range(asked.offsets + 1)
    seconds = sorted(cohort.second_after.items())
    return Line(
        month=month,
        members=cohort.members,
        buyers=cohort.buyers,
        offsets=offsets[: asked.offsets + 1],
        before=cells.get(BEFORE, EMPTY),
        later=added(
            cell for place, cell in cells.items() if place == AFTER or told.stop <= place < OFFSETS
        ),
        total=added(cells.values()),
        second_buyers=sum(cohort.second_after.values()),
        second_median_days=_median(seconds),
        acquisition=None
        if cost_minor is None
        else Acquisition(cost_minor, _payback(offsets, cost_minor)),
    )


def _offsets(cohort: Cohort, month: int, known: Known) -> tuple[Offset | None, ...]:
    """Every month since the cohort's own that has begun."""
    found: list[Offset | None] = []
    so_far = 0
    first_state = known.state(month)
    for offset in range(OFFSETS):
        cell = cohort.cells.get(offset, EMPTY)
        if month + offset > known.as_of_month and not any(cell):
            found.append(None)
            continue
        so_far += cell.net_minor
        state = known.state(month + offset)
        together = "partial" if first_state == "partial" else state
        found.append(Offset(offset, month + offset, cell, so_far, state, together))
    return tuple(found)


def _payback(offsets: Sequence[Offset | None], cost_minor: int) -> int | None:
    """The first complete offset at which the members have paid what they cost."""
    for one in offsets:
        if (
            one is not None
            and one.state_so_far == "complete"
            and one.net_so_far_minor >= cost_minor
        ):
            return one.offset
    return None


def _median(counts: Sequence[tuple[int, int]]) -> float | None:
    """The median of numbers with their counts, in order; of an even count the middle two's mean.

    >>> _median([(3, 1), (7, 2)]), _median([(3, 1), (7, 1)]), _median([])
    (7.0, 5.0, None)
    """
    size = sum(count for _, count in counts)
    if not size:
        return None
    middle = (size - 1) // 2, size // 2
    seen, found = 0, []
    for number, count in counts:
        found += [number for place in middle if seen <= place < seen + count]
        seen += count
    return sum(found) / 2
