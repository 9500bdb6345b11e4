"""From the facts of published hashes to their time-dependent fields at another instant.

The worker's own `score` does the arithmetic, on statistics that are taken from the hash instead of
from the days of the customer. So the numbers are the worker's to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

import numpy as np

from stream_app.core.calendar import Calendar
from stream_app.core.days import LAST_DAY
from stream_app.core.models.day_starts import ABSENT
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.statistics import NEVER, Statistics
from stream_app.core.models.whole_numbers import SAFE, Whole
from stream_app.core.score import Scores, ScoreSettings, score
from stream_app.core.segments import TIERS

Fields = Mapping[str, Any]
"""The fields of one hash as values, by name; what is absent has no entry."""

TIMED: Final = (
    "as_of",
    "p_alive",
    "churn_30",
    "churn_90",
    "orders_365",
    "ltv_365",
    "ltv",
    "ltv_formula",
    "tier",
    "at_risk_at",
    "lost_at",
    "next_order_at",
)
"""The fields that move with time; all others are facts, or say where the hash came from."""

_OF_ALL: Final = ("currency", "basis", "revenue", "orders")
_OF_BUYERS: Final = ("last_order", "frequency", "recency", "repeat_gross")
_EPOCH: Final = date(1970, 1, 1).toordinal()
_LAST_DATE: Final = date.fromordinal(_EPOCH + LAST_DAY)
_MONEY: Final = ("revenue", "aov", "repeat_gross")
_NOBODY: Final = np.zeros(0, np.int64)
_NONE: Final = np.zeros(0, np.bool_)
"""Of the columns that enter no score."""
_MOST_ORDERS: Final = 1 << 60
_MOST_MONEY: Final = 1 << 256


def problem(found: Fields) -> str | None:
    """Why these are no facts that can be scored, as one sentence; None when they are.

    A publisher of ours writes no such hash, but an older or a foreign one may.
    """
    needed = (*_OF_ALL, *_OF_BUYERS) if "first_order" in found else _OF_ALL
    for name in needed:
        if name not in found:
            return f"the hash has no {name}"
    money = max(abs(found.get(name, 0)) for name in _MONEY)
    if abs(found["orders"]) > _MOST_ORDERS or money > _MOST_MONEY:
        return "the hash's orders or money are beyond what can be counted"
    if found["basis"] not in ("model", "formula"):
        return f"the hash's basis is {found['basis']!r}"
    if "first_order" not in found:
        return None
    if found["orders"] > 0 and "aov" not in found:
        return "the hash has no aov"
    days = (found["last_order"] - found["first_order"]).days
    if not (days == found["recency"] and 0 <= found["frequency"] <= days):
        return "the hash's dates, recency and frequency contradict each other"
    if found["last_order"] > _LAST_DATE:
        return "the hash's dates are beyond the calendar"
    return None


def evaluated(
    found: Sequence[Fields],
    *,
    parameters: ModelParameters | None,
    settings: ScoreSettings,
    calendar: Calendar,
    now: int,
) -> list[dict[str, Any]]:
    """The timed fields of each hash at `now`, Unix seconds; None where a field is absent.

    All are scored by these parameters, or by formula where they are None; no hash may have a
    `problem`.
    """
    scores = score(
        _statistics(found),
        as_of_seconds=now,
        as_of_day=calendar.day_of(now * 1_000_000),
        calendar=calendar,
        parameters=parameters,
        basis_reason=None,
        settings=settings,
    )
    return list(_rows(scores))


def _statistics(found: Sequence[Fields]) -> Statistics:
    """The columns that scoring looks at. Gross and refunds apart are not published.

    `aov` x `orders` stands for the gross: its average order is `aov` again, and only that and
    the difference to the refunds, `revenue`, enter a score.
    """
    gross = [each["aov"] * each["orders"] if "aov" in each else each["revenue"] for each in found]
    orders, gross_minor, refunds, purchase_days, first_day, last_day, repeat_gross = _whole(
        [each["orders"] for each in found],
        gross,
        [sold - each["revenue"] for sold, each in zip(gross, found, strict=True)],
        [each["frequency"] + 1 if "first_order" in each else 0 for each in found],
        [_day(each.get("first_order")) for each in found],
        [_day(each.get("last_order")) for each in found],
        [each.get("repeat_gross", 0) for each in found],
    )
    return Statistics(
        orders=orders,
        gross_minor=gross_minor,
        refunds_minor=refunds,
        purchase_days=purchase_days,
        first_day=first_day,
        last_day=last_day,
        repeat_gross_minor=repeat_gross,
        negative_days=_NOBODY,
        unconverted=_NONE,
    )


def _day(shown: date | None) -> int:
    return NEVER if shown is None else shown.toordinal() - _EPOCH


def _whole(*columns: list[int]) -> Iterable[Whole]:
    """Columns of 64 bits; of Python's own integers where those may not do."""
    if all(-SAFE < number < SAFE for column in columns for number in column):
        return np.array(columns, dtype=np.int64)  # in one call: a read's price is numpy's calls
    return [_one_whole(column) for column in columns]


def _one_whole(column: list[int]) -> Whole:
    safe = all(-SAFE < number < SAFE for number in column)
    return np.array(column, dtype=np.int64 if safe else object)


def _rows(scores: Scores) -> Iterator[dict[str, Any]]:
    """By customer; a value that has no meaning is None."""
    by_model = scores.model is not None
    columns = (
        scores.bought,
        scores.valued,
        scores.ordered,
        scores.p_alive,
        scores.churn_30,
        scores.churn_90,
        scores.orders_365,
        scores.ltv_365_minor,
        scores.ltv_minor,
        scores.ltv_formula_minor,
        scores.tier,
        scores.at_risk_at,
        scores.lost_at,
        scores.next_order_at,
    )
    for bought, valued, ordered, *row in zip(*(each.tolist() for each in columns), strict=True):
        predicted = bought and by_model
        there = (*[predicted] * 4, valued, valued, ordered, True)
        chances_and_money = [value if has else None for value, has in zip(row, there, strict=False)]
        instants = [None if instant == ABSENT else instant for instant in row[-3:]]
        timed = dict(zip(TIMED, (scores.as_of, *chances_and_money, *instants), strict=True))
        timed["tier"] = TIERS[row[7]]
        yield timed
