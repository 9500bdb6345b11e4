"""What `ltv fit` found, for scripts and for people."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
import orjson

from stream_app.core.calendar import date_text
from stream_app.core.models.fitted import Fitted
from stream_app.core.models.validation import Validation
from stream_app.settings import Settings

if TYPE_CHECKING:
    from stream_app.jobs.fit import Fit

NAMES = {"mbg": "MBG/NBD", "bg": "BG/NBD", "pareto": "Pareto/NBD"}
LABELS = NAMES | {"formula": "the formula", "past-revenue": "past revenue"}
"""Also of the baselines."""


def as_object(
    found: Fit, settings: Settings, *, published: bool, read_seconds: float
) -> dict[str, Any]:
    """One object; `model` is what was published, or would have been."""
    parameters = found.parameters
    answer: dict[str, Any] = {
        "published": published,
        "reason": found.reason,
        "topic": settings.topic_models,
        "model": None if parameters is None else _without_none(asdict(parameters)),
        "chosen": found.chosen,
        "as_of": found.as_of,
        "as_of_day": date_text(found.as_of_day),
        "customers": found.customers,
        "buyers": found.buyers,
        "repeat_buyers": found.repeat_buyers,
        "fits": {},
        "seconds": {"read": round(read_seconds, 3), "fit": round(found.fit_seconds, 3)},
    }
    if found.fitted is not None:
        answer |= _fitted(found.fitted)
    if found.hold_out is not None:
        answer["hold_out"] = _hold_out(found.hold_out)
    return answer


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _fitted(fitted: Fitted) -> dict[str, Any]:
    fits = {
        kind: {
            **one.parameters,
            "log_likelihood": None if one.model is None else one.log_likelihood,
            "gradient": one.slope,
            "problem": one.problem,
        }
        for kind, one in fitted.buying.items()
    }
    spend = {
        **fitted.spend.parameters,
        "log_likelihood": None if fitted.spend.model is None else fitted.spend.log_likelihood,
        "buyers": fitted.spend.buyers,
        "problem": fitted.spend.problem,
        "note": fitted.spend.note,
    }
    correlated = {**asdict(fitted.correlation), "warning": fitted.correlation.warning}
    return {
        "fits": fits,
        "spend": spend,
        "net_ratio": fitted.net_ratio,
        "correlation": correlated,
    }


def _hold_out(found: Validation) -> dict[str, Any]:
    return {
        "cut": date_text(found.cut_day),
        "end": date_text(found.end_day),
        "customers": len(found.actual.x),
        "purchases": float(found.actual.purchase_days.sum()),
        "revenue": float(found.actual.revenue.sum()),
        "grades": {name: asdict(grade) for name, grade in found.grades.items()},
    }


def print_fit(answer: dict[str, Any], settings: Settings, *, as_json: bool) -> None:
    """Write it to standard output, warnings to standard error."""
    if as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
    else:
        click.echo("\n".join(text_lines(answer, settings)))
    print_warning(answer)


def print_warning(answer: dict[str, Any]) -> None:
    """What is doubtful about the fit, to standard error."""
    warning = answer.get("correlation", {}).get("warning")
    if warning:
        click.echo(f"ltv: {warning}", err=True)


def text_lines(answer: dict[str, Any], settings: Settings) -> list[str]:
    """For people: who was there, every model beside its likelihood, and what came of it."""
    lines = [
        f"{answer['customers']:,} customers, {answer['buyers']:,} bought by"
        f" {answer['as_of_day']}, {answer['repeat_buyers']:,} of them on more than one day"
    ]
    if answer["fits"]:
        lines += ["", *_table(answer), *_spend(answer, settings)]
    return [*lines, "", verdict(answer)]


def _table(answer: dict[str, Any]) -> list[str]:
    held = answer.get("hold_out", {})
    title = f"hold-out MAE ({held['cut']} to {held['end']})" if held else "no hold-out: too short"
    lines = [f"{'':12}{'log-likelihood':>18}  {'parameters (weeks)':52}{title}"]
    for kind, one in answer["fits"].items():
        if one["problem"]:
            lines.append(f"{NAMES[kind]:12}{'none':>18}  {one['problem']}")
            continue
        names = ("r", "alpha", "a", "b", "s", "beta")
        shown = "  ".join(f"{name} {one[name]:.6g}" for name in names if name in one)
        grade = held.get("grades", {}).get(kind, {}).get("mae")
        error = "" if grade is None else f"{grade:.5f}"
        lines.append(f"{NAMES[kind]:12}{one['log_likelihood']:18,.4f}  {shown:52}{error}")
    return lines


def _spend(answer: dict[str, Any], settings: Settings) -> list[str]:
    spend, related = answer["spend"], answer["correlation"]
    if spend["problem"]:
        lines = [f"{'Gamma-Gamma':12}{'none':>18}  {spend['problem']}"]
    else:
        shown = "  ".join(f"{name} {spend[name]:.6g}" for name in ("p", "q", "gamma"))
        lines = [
            f"{'Gamma-Gamma':12}{spend['log_likelihood']:18,.4f}  {shown}"
            f" ({settings.currency}, {spend['buyers']:,} repeat buyers)"
        ]
        if spend["note"]:
            lines.append(spend["note"])
    if related["pearson"] is not None:
        lines.append(
            f"frequency and spend: Pearson {related['pearson']:+.4f},"
            f" Spearman {related['spearman']:+.4f}"
        )
    return [*lines, f"net of gross after refunds: {answer['net_ratio']:.4f}"]


def verdict(answer: dict[str, Any]) -> str:
    """What was published, or why nothing was, as one sentence."""
    if answer["reason"] is not None:
        return f"Nothing is published: {answer['reason']}."
    name, topic = answer["model"]["id"], repr(answer["topic"])
    if answer["model"]["role"] != "champion":
        topic += f" as {answer['model']['role']}"
    if not answer["published"]:
        return f"{name} would be published to {topic}."
    return f"{name} is published to {topic}; workers take it up within seconds."


def grade_cells(grade: dict[str, Any]) -> list[str]:
    """The figures of one row of a comparison, blank where there is none."""
    forms = {
        "purchases": "{:,.2f}",
        "mae": "{:.5f}",
        "rmse": "{:.5f}",
        "auc": "{:.4f}",
        "revenue": "{:,.2f}",
        "revenue_mae": "{:,.2f}",
        "revenue_rmse": "{:,.2f}",
        "top_capture": "{:.4f}",
    }
    values = {name: grade[name] for name in forms}
    return ["" if value is None else forms[name].format(value) for name, value in values.items()]
