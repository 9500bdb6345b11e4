"""`ltv validate`: would the models have been right? Fit up to a day, grade on the days after it.

The hold-out ends with the day of as_of, but not after the latest accepted event: days of which
nothing can be known yet are no evidence. Baselines are the marketer's formula and past revenue.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import click
import orjson

from stream_app.core.calendar import date_text, day_from_text
from stream_app.core.models.hold_out import by_frequency as means_by_frequency
from stream_app.core.models.hold_out import customers_by_frequency
from stream_app.core.models.validation import Validation, validate
from stream_app.errors import UsageError
from stream_app.jobs.fit_report import LABELS, NAMES, grade_cells
from stream_app.jobs.outputs import check_output, write_output
from stream_app.jobs.population_reader import Known, least_data, read_population
from stream_app.settings import Settings

COLUMNS = ("purchases", "MAE", "RMSE", "AUC", "revenue", "MAE", "RMSE", "top 20 %")
SHORT_COLUMNS = ("purchase days", "MAE", "RMSE", "AUC", "revenue", "top 20 % hold")


def run(settings: Settings, cut: date, *, as_json: bool, html: Path | None = None) -> int:
    """Validate and print; 0 also where there is not enough to fit to, which is then said.

    `html` is a file that a page with charts is written to, where there is something to show.
    """
    if html is not None:
        check_output("--html", html)
    known = asyncio.run(read_population(settings))
    cut_day, end_day = day_from_text(cut.isoformat()), known.last_day(settings, time.time())
    found, reason = split_and_grade(settings, known, cut_day, end_day)
    answer = as_object(settings, cut_day, end_day, found, reason)
    if as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
    else:
        for line in lines(answer, settings.currency):
            click.echo(line)
    if html is not None and found is not None:
        from stream_app.jobs.validation_page import page  # plotly, which most runs never need

        write_output("--html", html, page(answer, comparison(answer)))
    return 0


def split_and_grade(
    settings: Settings, known: Known, cut_day: int, end_day: int
) -> tuple[Validation | None, str | None]:
    """The validation, or why there is none; UsageError where no day is left to grade on."""
    if cut_day >= end_day:
        raise UsageError(
            f"--cut {date_text(cut_day)} leaves no day to grade on: the data, as of LTV_AS_OF, end"
            f" with {date_text(end_day)}."
        )
    reason = least_data(settings).why_not(known.histories.statistics(cut_day), cut_day)
    if reason is not None:
        return None, reason
    return validate(known.histories, cut_day, end_day, settings.currency), None


def as_object(
    settings: Settings, cut_day: int, end_day: int, found: Validation | None, reason: str | None
) -> dict[str, Any]:
    """For scripts: what happened, and every model and baseline by name."""
    answer: dict[str, Any] = {
        "cut": date_text(cut_day),
        "end": date_text(end_day),
        "horizon_days": end_day - cut_day,
        "currency": settings.currency,
        "reason": reason,
        "models": {},
    }
    if found is None:
        return answer
    actual, fitted = found.actual, found.fitted
    problems = {kind: fitted.problem(kind) for kind in fitted.buying}
    return answer | {
        "customers": len(actual.x),
        "actual": {
            "purchases": float(actual.purchase_days.sum()),
            "buyers": int((actual.purchase_days > 0).sum()),
            "revenue": round(float(actual.revenue.sum()), 6),
            "customers_by_frequency": customers_by_frequency(actual.x),
            "by_frequency": means_by_frequency(actual.x, actual.purchase_days),
            "perfect_top_capture": found.perfect_capture,
            "perfect_by_decile": found.perfect_by_decile,
        },
        "models": {name: asdict(grade) for name, grade in found.grades.items()},
        "parameters": {kind: one.parameters for kind, one in fitted.buying.items()}
        | {"gamma_gamma": fitted.spend.parameters},
        "problems": {kind: problem for kind, problem in problems.items() if problem is not None},
        "net_ratio": fitted.net_ratio,
    }


def lines(answer: dict[str, Any], currency: str) -> list[str]:
    """For people: two tables."""
    span = f"{answer['cut']}, graded on {answer['horizon_days']} days to {answer['end']}"
    if answer["reason"] is not None:
        return [f"fitted up to {span}: nothing, because {answer['reason']}."]
    actual = answer["actual"]
    told = [
        f"{answer['customers']:,} customers, fitted up to {span}",
        f"actual: {actual['purchases']:,.0f} purchase days of {actual['buyers']:,} customers,"
        f" {actual['revenue']:,.2f} {currency}",
        "",
        *(_row(name, cells) for name, *cells in comparison(answer)),
    ]
    perfect = actual["perfect_top_capture"]
    if perfect is not None:
        told.append(_row("perfect order", [*[""] * 7, f"{perfect:.4f}"]))
    told += [f"{name}: {problem}" for name, problem in answer["problems"].items()]
    told += ["", "mean purchase days by frequency at the cut"]
    told.append(_row("frequency", ["0", "1", "2", "3", "4", "5", "6", "7+"]))
    told.append(_row("customers", [f"{one:,}" for one in actual["customers_by_frequency"]]))
    told.append(_row("actual", [f"{one:.4f}" for one in actual["by_frequency"]]))
    for name, grade in answer["models"].items():
        if grade["by_frequency"] is not None:
            means = [f"{one:.4f}" for one in grade["by_frequency"]]
            told.append(_row(NAMES.get(name, name), means))
    return told


def comparison(answer: dict[str, Any]) -> list[list[str]]:
    """The comparison as a table, its header first."""
    rows = [["", *COLUMNS]]
    for name, grade in answer["models"].items():
        rows.append([NAMES.get(name, name), *grade_cells(grade)])
    return rows


def short_comparison(answer: dict[str, Any]) -> list[list[str]]:
    """What came, and each model and baseline beside it, in a few columns (SHORT_COLUMNS)."""
    forms = {"mae": ".4f", "rmse": ".4f", "auc": ".4f", "revenue": ",.0f"}
    actual = answer["actual"]
    came, revenue = f"{actual['purchases']:,.0f}", f"{actual['revenue']:,.0f}"
    rows = [["what came", came, "", "", "", revenue, _percent(actual["perfect_top_capture"])]]
    for name, grade in answer["models"].items():
        cells = [_form(grade["purchases"], ",.2f")]
        cells += (_form(grade[figure], form) for figure, form in forms.items())
        rows.append([LABELS[name], *cells, _percent(grade["top_capture"])])
    return rows


def _form(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _percent(share: float | None) -> str:
    """
    >>> _percent(0.6687), _percent(None)
    ('66.9 %', '')
    """
    return "" if share is None else f"{100 * share:.1f} %"


def _row(name: str, cells: Any) -> str:
    return f"{name:14}" + "".join(f"{cell:>12}" for cell in cells)
