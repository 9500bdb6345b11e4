"""Customers by hand and their scores, for tests of what is computed from facts."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from stream_app.core.calendar import DAY_SECONDS, Calendar
from stream_app.core.customer import Customer
from stream_app.core.events import Purchase, Refund
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.core.models.statistics import statistics
from stream_app.core.score import Scores, ScoreSettings, score

DAY: Final = 20_000
"""2024-10-04, from which tests count."""
UTC: Final = Calendar("UTC")
BG: Final = replace(CDNOW, id="bg", kind="bg", r=0.243, alpha=4.414, a=0.793, b=2.426)
PARETO: Final = replace(
    CDNOW, id="pareto", kind="pareto", r=0.553, alpha=10.578, s=0.606, beta=11.669
)


def customer(*days_and_cents: tuple[int, int], refunded: int = 0) -> Customer:
    """Who bought on these days after DAY for these amounts."""
    found = Customer()
    for number, (day, cents) in enumerate(days_and_cents):
        at = DAY + day
        name = f"o-{number}"
        found.apply(Purchase("c", name, name, at * DAY_SECONDS * 10**6, at, "USD", cents, cents))
    if refunded:
        at = DAY + days_and_cents[0][0]
        found.apply(
            Refund("c", "r", "o-0", at * DAY_SECONDS * 10**6, at, "USD", refunded, refunded)
        )
    return found


def scored(
    *customers: Customer,
    days: int,
    seconds: int = 0,
    parameters: ModelParameters | None = CDNOW,
    settings: ScoreSettings | None = None,
    calendar: Calendar = UTC,
) -> Scores:
    """Their scores so many days and seconds after the start of DAY in UTC."""
    as_of = (DAY + days) * DAY_SECONDS + seconds
    return score(
        statistics(customers),
        as_of_seconds=as_of,
        as_of_day=calendar.day_of(as_of * 1_000_000),
        calendar=calendar,
        parameters=parameters,
        basis_reason=None if parameters else "no model",
        settings=settings or ScoreSettings("USD"),
    )
