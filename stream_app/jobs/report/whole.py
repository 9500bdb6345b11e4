"""What a report says of all customers together: tiers, segments, concentration, and the models.

Cohorts and channels chosen for the triangle have no say in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from stream_app.core.cohorts.lines import Known
from stream_app.core.models.prequential import Prequential
from stream_app.core.segments import TIERS
from stream_app.jobs.model_grades import summed
from stream_app.jobs.report.segments import second_purchase, segments_as_object
from stream_app.jobs.verification.printing import figure
from stream_app.settings import Settings
from stream_app.settings.declaration import url_without_password
from stream_app.stores.keys import COHORTS, GRADES, SEGMENTS
from stream_app.stores.reader import score_reader
from stream_app.wire.grades import decode as decode_grades
from stream_app.wire.published_cohorts import published_cohorts
from stream_app.wire.segments import decode_segments


def read_whole(settings: Settings, known: Known) -> dict[str, Any]:
    """`segments`, None before all were looked over, and `models`: how each one in use has done."""
    shown = url_without_password(settings.redis_url)
    prefix, build = settings.key_prefix, settings.build
    with score_reader(settings.redis_url, shown, prefix, build) as reader:
        cohorts = reader.summaries(COHORTS)
        said = [decode_segments(value) for value in reader.summaries(SEGMENTS).values()]
        graded = [decode_grades(value) for value in reader.summaries(GRADES).values()]
    found = [one for one in said if one is not None]
    segments = None
    if found and cohorts:
        bought = published_cohorts(cohorts, "first-purchase")
        segments = segments_as_object(found, bought)
        segments["second_purchase"] = second_purchase(bought, known)
    grades = summed(one for one in graded if one is not None)
    return {
        "segments": segments,
        "models": {model: _graded(one.sums) for model, one in sorted(grades.items())},
    }


def _graded(sums: Prequential) -> dict[str, Any]:
    return {
        "forecasts": sums.forecasts,
        "log_loss": sums.log_loss,
        "brier": sums.brier,
        "bought": sums.bought,
        "expected": sums.expected,
        "bias": sums.bias,
        "drift": sums.drift,
        "spend_mae": sums.spend_mae,
    }


def print_whole(whole: Mapping[str, Any], console: Console) -> None:
    """For people, below the cohorts."""
    segments = whole["segments"]
    if segments is None:
        return
    console.print(_tiers(segments))
    for line in (*_sentences(segments), *_models(whole["models"])):
        console.print(line, markup=False, soft_wrap=True)


def _tiers(segments: Mapping[str, Any]) -> Table:
    currency, days = segments["currency"], segments["at_risk"]["days"]
    table = Table(
        title="All customers", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False,
        show_edge=False,
    )  # fmt: skip
    table.add_column("tier", no_wrap=True)
    for name in ("customers", f"so far, {currency}", "next year", f"at risk in {days} days"):
        table.add_column(name, justify="right", no_wrap=True)
    for tier in TIERS:
        one = segments["tiers"][tier]
        if one["customers"]:
            money = ("revenue_minor", "ltv_365_minor", "at_risk_minor")
            known = (one[name] for name in money)
            cells = ("" if minor is None else figure(minor, currency) for minor in known)
            table.add_row(tier, f"{one['customers']:,}", *cells)
    return table


def _sentences(segments: Mapping[str, Any]) -> Iterator[str]:
    days = segments["at_risk"]["days"]
    if segments["at_risk"]["minor"] is not None:
        yield f"at risk: the chance of {days} silent days, times what they would take off next year"
    named = [f"{name} {count:,}" for name, count in segments["segments"].items() if count]
    if named:
        yield f"segments: {', '.join(named)}"
    share = segments["top_share"]["of_revenue"]
    if share is not None:
        yield f"the best fifth of all buyers brought {share:.1%} of the revenue"
    second = segments["second_purchase"]
    if second["members"]:
        yield (
            f"{second['rate']:.1%} of {second['buyers']:,} buyers bought on a second day, half of"
            f" them within {second['median_days']:g} days"
        )


def _models(models: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, one in models.items():
        if one["log_loss"] is None:
            continue
        yield (
            f"model {name}: {one['forecasts']:,} forecasts, log loss {one['log_loss']:.4f},"
            f" Brier {one['brier']:.4f}; {one['bought']:,} purchases came,"
            f" {one['expected']:,.1f} expected"
        )
