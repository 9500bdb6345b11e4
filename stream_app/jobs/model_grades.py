"""How the live models have done, for `ltv models`: read from Redis, summed over partitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import click

from stream_app.core.calendar import Calendar, date_text
from stream_app.core.models.forecasts import HORIZON_DAYS
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.prequential import BINS, RECENT_DAYS, Prequential, graded_from
from stream_app.errors import Unreachable
from stream_app.settings import Settings
from stream_app.settings.declaration import url_without_password
from stream_app.stores.keys import GRADES
from stream_app.stores.reader import score_reader
from stream_app.wire.grades import PartitionGrades, decode

INDENT: Final = " " * 6


@dataclass(frozen=True)
class Graded:
    """A model's grades by all partitions that have any."""

    sums: Prequential
    today: int
    """Business day up to which all of them were graded, days since 1970-01-01."""
    partitions: int


def read_grades(settings: Settings) -> dict[str, Graded]:
    """Of each live model; of none, and a line on standard error, where Redis is away."""
    shown = url_without_password(settings.redis_url)
    prefix, build = settings.key_prefix, settings.build
    try:
        with score_reader(settings.redis_url, shown, prefix, build) as reader:
            found = map(decode, reader.summaries(GRADES).values())
            return summed(one for one in found if one is not None)
    except Unreachable as error:
        click.echo(f"ltv: grades are not shown: {error}", err=True)
        return {}


def summed(partitions: Iterable[PartitionGrades]) -> dict[str, Graded]:
    """The sums of all of them, model by model."""
    found: dict[str, Graded] = {}
    for partition in partitions:
        for model, sums in partition.models.items():
            before = found.get(model, Graded(Prequential(), partition.today, 0))
            today = min(before.today, partition.today)
            found[model] = Graded(before.sums + sums, today, before.partitions + 1)
    return found


def as_object(
    grades: Mapping[str, Graded], parameters: ModelParameters | None
) -> dict[str, Any] | None:
    """For scripts; None where a model has no grades."""
    if parameters is None or parameters.id not in grades:
        return None
    graded = grades[parameters.id]
    sums = graded.sums
    return {
        "from_day": _first_day(graded, parameters),
        "to_day": date_text(graded.today),
        "partitions": graded.partitions,
        "horizon_days": HORIZON_DAYS,
        "forecasts": sums.forecasts,
        "bought": sums.bought,
        "expected": sums.expected,
        "log_loss": sums.log_loss,
        "brier": sums.brier,
        "calibration": [
            {"p_up_to": (place + 1) / BINS, "forecasts": of, "bought": bought, "expected": expected}
            for place, (of, bought, expected) in enumerate(_bins(sums))
        ],
        "recent": {
            "days": RECENT_DAYS,
            "forecasts": sums.recent_forecasts,
            "bought": sums.recent_bought,
            "expected": sums.recent_expected,
            "bias": sums.bias,
            "drift": sums.drift,
        },
        "spend": {
            "purchase_days": sums.spends,
            "expected": sums.spend_expected,
            "actual": sums.spend_actual,
            "bias": sums.spend_bias,
            "mae": sums.spend_mae,
        },
        "gap": sums.gap,
    }


def lines(grades: Mapping[str, Graded], parameters: ModelParameters | None) -> list[str]:
    """For people: what goes below the model's own line; nothing where it has no grades."""
    if parameters is None or parameters.id not in grades:
        return []
    graded = grades[parameters.id]
    sums = graded.sums
    if sums.log_loss is None or sums.brier is None:
        return [f"{INDENT}no forecast to grade yet, from {_first_day(graded, parameters)} on"]
    told = [
        f"graded {_first_day(graded, parameters)} to {date_text(graded.today)}:"
        f" {sums.forecasts:,} forecasts, log loss {sums.log_loss:.4f}, Brier {sums.brier:.4f}",
        f"{sums.bought:,} purchases within {HORIZON_DAYS} days, {sums.expected:,.1f} expected",
        _recent(sums),
    ]
    if sums.spend_mae is not None:
        told.append(
            f"spend {sums.spend_actual:,.2f} {parameters.currency},"
            f" {sums.spend_expected:,.2f} expected; off by {sums.spend_mae:,.2f} a purchase day"
        )
    return [INDENT + line for line in (*told, *_calibration(sums))]


def _recent(sums: Prequential) -> str:
    words = f"of the last {RECENT_DAYS} days {sums.recent_bought:,}"
    if sums.bias is not None:
        words += f", {sums.recent_expected:,.1f} expected: {sums.bias:+.1%}"
    if sums.drift is not None:
        words += f", {sums.drift:+.1f} standard deviations"
    return words


def _calibration(sums: Prequential) -> list[str]:
    """Shares that were expected to buy and did, by tenths of P(buy) that have a forecast."""
    rows = [f"{name:12}" for name in ("P(buy) up to", "expected", "bought")]
    for place, (count, bought, expected) in enumerate(_bins(sums)):
        if count:
            rows[0] += f"{(place + 1) / BINS:7.0%}"
            rows[1] += f"{expected / count:7.1%}"
            rows[2] += f"{bought / count:7.1%}"
    return rows


def _bins(sums: Prequential) -> list[tuple[int, int, float]]:
    return list(zip(sums.bin_forecasts, sums.bin_bought, sums.bin_expected, strict=True))


def _first_day(graded: Graded, parameters: ModelParameters) -> str:
    calendar = Calendar(parameters.time_zone)
    return date_text(graded_from(parameters, today=graded.today, calendar=calendar))
