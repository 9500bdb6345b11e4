"""The oracle's grids: where the numbers of one customer lie, by the definition, one by one."""

from __future__ import annotations

import math
from typing import NamedTuple

from stream_app.core.models.parameters import ModelParameters


class Shown(NamedTuple):
    """The numbers of a customer who has bought, as a hash shows them."""

    p_alive: float
    churn_30: float
    churn_90: float
    orders_365: float
    frequency: int
    age_days: int
    """T."""
    is_worth_something: bool
    """Whether the values by formula are above 0."""
    has_due_date: bool


def by_formula(shown: Shown, drift: float) -> list[float]:
    """Where the values by formula lie."""
    per_day = 1 / max(shown.age_days + 1, 365.25)
    return [value_level(per_day if shown.is_worth_something else 0.0, drift)]


def by_model(shown: Shown, model: ModelParameters, drift: float) -> list[float]:
    """Where all numbers lie."""
    halvings = (model.r + shown.frequency) * math.log2(model.alpha + shown.age_days / 7)
    return [
        *by_formula(shown, drift),
        *(math.floor(each / drift) for each in (shown.p_alive, shown.churn_30, shown.churn_90)),
        value_level(shown.orders_365, drift),
        math.floor(halvings) if shown.has_due_date else -math.inf,
    ]


def value_level(value: float, drift: float) -> float:
    """Of a value that is not negative."""
    return math.floor(math.log(value) / math.log1p(drift)) if value > 0 else -math.inf
