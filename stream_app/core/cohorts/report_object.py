"""A report as plain objects: all of its numbers, for JSON, for tables and for pages.

Money is in minor units: whole numbers, and means of them with a fraction. What there is not is
None. Described in schemas/report.schema.json.
"""

from __future__ import annotations

from typing import Any, Final

from stream_app.core.calendar import month_text
from stream_app.core.cohorts.cells import NO_MONTH_NAMES, Cell
from stream_app.core.cohorts.lines import METRICS, SHARES, Line, Metric, Offset, value
from stream_app.core.cohorts.report import Report

NAMES: Final[dict[Metric, str]] = {
    metric: f"{metric}_share" if metric in SHARES else f"{metric}_minor"
    for metric in METRICS
    if metric != "revenue"
}
"""Metrics by the names they have here; revenue is `net_minor`."""


def report_as_object(report: Report) -> dict[str, Any]:
    """Everything the report says; whoever prints it adds currency and time zone."""
    asked = report.asked
    return {
        "by": asked.table,
        "channel": asked.channel,
        "from": _month(asked.first),
        "to": _month(asked.last),
        "offsets": asked.offsets,
        "as_of_month": month_text(report.known.as_of_month),
        "data_from_month": _month(report.known.from_month),
        "members": report.members,
        "buyers": sum(line.buyers for line in report.every),
        "total": cell_as_object(report.total),
        "cohorts": [_line(line, month_text(line.month or 0)) for line in report.lines],
        "undated": None
        if report.undated is None
        else _line(report.undated, NO_MONTH_NAMES[asked.table]),
        "pooled": [_pooled(report, offset) for offset in range(asked.offsets + 1)],
        "costs_without_cohort": [
            {"month": month_text(month), "cost_minor": cost}
            for month, cost in report.costs_without_cohort.items()
        ],
    }


def cell_as_object(cell: Cell) -> dict[str, int]:
    """A cell's numbers by name, and what they come to."""
    return cell._asdict() | {"net_minor": cell.net_minor}


def _line(line: Line, name: str) -> dict[str, Any]:
    return {
        "cohort": name,
        "members": line.members,
        "buyers": line.buyers,
        "offsets": [None if one is None else _offset(one, line.members) for one in line.offsets],
        "before": cell_as_object(line.before),
        "before_share": line.before_share,
        "later": cell_as_object(line.later),
        "total": cell_as_object(line.total),
        "arppu_minor": line.arppu_minor,
        "second_purchase": {
            "members": line.second_buyers,
            "rate": line.second_rate,
            "median_days": line.second_median_days,
        },
        "acquisition": _acquisition(line),
    }


def _offset(one: Offset, members: int) -> dict[str, Any]:
    cell = one.cell
    return {
        "offset": one.offset,
        "month": month_text(one.month),
        "state": one.state,
        "state_so_far": one.state_so_far,
        **cell_as_object(cell),
        **{
            name: value(metric, cell, one.net_so_far_minor, members)
            for metric, name in NAMES.items()
        },
    }


def _acquisition(line: Line) -> dict[str, Any] | None:
    if line.acquisition is None:
        return None
    return {
        "cost_minor": line.acquisition.cost_minor,
        "cac_minor": line.cac_minor,
        "at_offset": None if line.latest is None else line.latest.offset,
        "ltr_less_cac_minor": line.ltr_less_cac_minor,
        "ltr_per_cac": line.ltr_per_cac,
        "payback_offset": line.acquisition.payback_offset,
    }


def _pooled(report: Report, offset: int) -> dict[str, Any]:
    return {
        "offset": offset,
        **{name: report.pooled(metric, offset) for metric, name in NAMES.items()},
    }


def _month(month: int | None) -> str | None:
    return None if month is None else month_text(month)
