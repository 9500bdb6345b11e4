"""Fit on what was known by a day, and grade every model on what came after it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from stream_app.core.models import formula
from stream_app.core.models.arrays import Floats
from stream_app.core.models.fitted import Fitted, Inputs, fit, inputs
from stream_app.core.models.histories import Histories
from stream_app.core.models.hold_out import Actual, Grades, by_decile, grades, top_capture
from stream_app.core.models.whole_numbers import divided_half_even
from stream_app.core.money import EXPONENTS

BASELINES = ("formula", "past-revenue")


@dataclass(frozen=True)
class Validation:
    """Days up to `cut_day` were known; those after it, to `end_day`, are the hold-out."""

    cut_day: int
    end_day: int
    seen: Inputs
    actual: Actual
    fitted: Fitted
    grades: dict[str, Grades]
    """By kind, for those that have a fit, and by baseline."""
    perfect_capture: float | None
    """Revenue share of the top fifth, had it been known which they are."""
    perfect_by_decile: list[float] | None
    """The same of each tenth."""


def validate(known: Histories, cut_day: int, end_day: int, currency: str) -> Validation:
    """Split at the end of a day; there must be buyers by then and days after it."""
    before = known.statistics(cut_day)
    seen = inputs(before, cut_day, currency)
    later = known.later(cut_day, end_day).of(before.purchase_days > 0)
    minor = 10.0 ** EXPONENTS[currency]
    actual = Actual(
        seen.x,
        later.purchase_days.astype(np.float64),
        (later.gross_minor - later.refunds_minor).astype(np.float64) / minor,
    )
    fitted = fit(seen)
    horizon_days = end_day - cut_day
    graded: dict[str, Grades] = {}
    for kind, buying in fitted.buying.items():
        if buying.model is not None:
            purchases = buying.model.expected_purchases(horizon_days / 7.0, *seen.weeks)
            graded[kind] = grades(actual, purchases, _value(purchases, seen, fitted))
    graded["formula"] = grades(actual, *_by_formula(seen, horizon_days, minor))
    graded["past-revenue"] = _by_past_revenue(seen, actual)
    perfect = actual.revenue, actual.revenue
    return Validation(
        cut_day,
        end_day,
        seen,
        actual,
        fitted,
        graded,
        perfect_capture=top_capture(*perfect),
        perfect_by_decile=by_decile(*perfect),
    )


def _value(purchases: Floats, seen: Inputs, fitted: Fitted) -> Floats | None:
    if fitted.spend.model is None:
        return None
    spend = fitted.spend.model.expected_spend(seen.x, seen.monetary)
    return purchases * spend * fitted.net_ratio


def _by_formula(seen: Inputs, horizon_days: int, minor: float) -> tuple[Floats, Floats]:
    """The marketer's formula over the hold-out: orders go on as on average so far."""
    buyers, T = seen.buyers, seen.T_days.astype(np.int64)
    years = Fraction(horizon_days) / formula.DAYS_A_YEAR
    orders = np.maximum(buyers.orders, 1)
    order_value = divided_half_even(buyers.gross_minor, orders)
    value = formula.lifetime_value(order_value, orders, T, years).astype(np.float64) / minor
    seen_days = np.maximum(T + 1, float(formula.DAYS_A_YEAR))
    return orders * horizon_days / seen_days, value


def _by_past_revenue(seen: Inputs, actual: Actual) -> Grades:
    """Who spent most so far ranks first: an order, no amounts."""
    buyers = seen.buyers
    past = (buyers.gross_minor - buyers.refunds_minor).astype(np.float64)
    silent = dict.fromkeys(("revenue", "revenue_mae", "revenue_rmse"))
    return replace(grades(actual, None, past), **silent)
