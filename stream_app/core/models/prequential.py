"""How a model has done on what came after it: graded by every purchase, and by every silence.

A customer's state keeps every purchase day, so what a model would have said on any past day can be
said now. The grades are a function of state, model and today, kept nowhere: the same after a crash
or a replay, in whatever order the events came, and at once there for a model that was fitted a
minute ago. Grades of parts of the customers add up with `+`.

P(buy) is graded on the forecasts of `forecasts.py` by log loss and Brier score, both proper: no
model does better on average than the one that is true. Expected spend is graded on each repeat
purchase day. `gap` is the mean of P(buy within the gap) over the purchases that came: a figure to
look at, not to rank by, since silence has no say in it: a model that expects everybody within the
hour scores 1.

References
----------
A. P. Dawid (1984), "Present position and potential developments: some personal views: statistical
theory: the prequential approach", Journal of the Royal Statistical Society A 147(2), 278-292.
F. Seillier-Moiseiwitsch, A. P. Dawid (1993), "On testing the validity of sequential probability
forecasts", Journal of the American Statistical Association 88(421), 355-359: of forecasts each
made knowing what became of those before, (observed - expected) / sqrt(sum of p (1 - p)) tends to a
standard normal deviate, whatever decides when the next one is made.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import sqrt
from typing import Any, Final

import numpy as np

from stream_app.core.calendar import DAY_SECONDS, Calendar
from stream_app.core.days import LAST_DAY
from stream_app.core.models.arrays import Floats
from stream_app.core.models.forecasts import Forecasts, PurchaseDays, forecasts, purchase_days
from stream_app.core.models.histories import Histories
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.whole_numbers import largest, with_room
from stream_app.core.money import EXPONENTS

GRADED_DAYS: Final = 365
"""How far back a model is graded at most."""
RECENT_DAYS: Final = 90
"""Age of the forecasts by which a drift is told."""
BINS: Final = 10
"""Of calibration: P(buy) from 0 to 0.1, ... from 0.9 to 1."""
SMALLEST: Final = 1e-12
"""What the log loss takes for "never": a surprise costs 27.6 nats at most, not infinitely many."""
AT_ONCE: Final = 1024
"""Forecasts that a model is asked for together: with more, Pareto/NBD takes twice as long."""

Counts = tuple[int, ...]
Sums = tuple[float, ...]


@dataclass(frozen=True)
class Prequential:
    """Sums over forecasts and purchases of some customers; `+` adds others. Starts at nothing."""

    forecasts: int = 0
    bought: int = 0
    """Of the forecasts, those with a purchase within the horizon: each repeat day, once."""
    expected: float = 0.0
    """Sum of P(buy): what `bought` should be."""
    log_loss_sum: float = 0.0
    """Nats."""
    brier_sum: float = 0.0
    bin_forecasts: Counts = (0,) * BINS
    """Forecasts by P(buy), in tenths."""
    bin_bought: Counts = (0,) * BINS
    bin_expected: Sums = (0.0,) * BINS
    recent_forecasts: int = 0
    """Of the last RECENT_DAYS days, like the next three."""
    recent_bought: int = 0
    recent_expected: float = 0.0
    recent_variance: float = 0.0
    """Sum of P (1 - P): variance of `recent_bought` under the model."""
    spends: int = 0
    """Repeat purchase days of customers all of whose money is known."""
    spend_expected: float = 0.0
    """What was expected of those days, major units."""
    spend_actual: float = 0.0
    spend_error_sum: float = 0.0
    """Sum of absolute differences, major units."""
    gap_sum: float = 0.0
    """Sum over `bought` of P(buy within the gap), as of the purchase day before."""

    def __add__(self, other: Prequential) -> Prequential:
        names = (field.name for field in fields(self))
        return Prequential(
            **{name: _added(getattr(self, name), getattr(other, name)) for name in names}
        )

    @property
    def log_loss(self) -> float | None:
        """Mean of -ln P(what happened), nats a forecast; None without a forecast."""
        return _ratio(self.log_loss_sum, self.forecasts)

    @property
    def brier(self) -> float | None:
        """Mean squared difference of P(buy) and 1 or 0; None without a forecast."""
        return _ratio(self.brier_sum, self.forecasts)

    @property
    def bias(self) -> float | None:
        """Recent purchases over those expected, less 1; None where none was expected."""
        ratio = _ratio(self.recent_bought, self.recent_expected)
        return None if ratio is None else ratio - 1.0

    @property
    def drift(self) -> float | None:
        """Recent purchases less those expected, in standard deviations; None where all was certain.

        About a standard normal deviate while customers buy as the model says.
        """
        return _ratio(self.recent_bought - self.recent_expected, sqrt(self.recent_variance))

    @property
    def spend_mae(self) -> float | None:
        """Mean absolute error of a purchase day's expected spend, major units; None without one."""
        return _ratio(self.spend_error_sum, self.spends)

    @property
    def spend_bias(self) -> float | None:
        """Actual over expected spend, less 1; None without a repeat purchase day."""
        ratio = _ratio(self.spend_actual, self.spend_expected)
        return None if ratio is None else ratio - 1.0

    @property
    def gap(self) -> float | None:
        """Mean P(buy within the gap) of the purchases that came; None without one."""
        return _ratio(self.gap_sum, self.bought)


def graded_from(parameters: ModelParameters, *, today: int, calendar: Calendar) -> int:
    """First day of which a model's forecasts are graded: none of what it was fitted to.

    The day after the one it was fitted as of (`lineage["as_of"]`, else `fitted_at`, Unix seconds),
    but at most GRADED_DAYS back; for parameters that were not fitted here, as far back as that.
    """
    as_of = parameters.lineage.get("as_of")
    if type(as_of) is not int:
        as_of = parameters.fitted_at
    earliest = today - GRADED_DAYS
    if as_of is None:
        return earliest
    seconds = min(max(as_of, 0), LAST_DAY * DAY_SECONDS)
    return max(earliest, calendar.day_of(seconds * 1_000_000) + 1)


def prequential(
    histories: Histories, parameters: ModelParameters, *, today: int, currency: str, from_day: int
) -> Prequential:
    """Grade a model on these customers from `from_day` up to today; see `graded_from`.

    `parameters` must have no problem; `currency` is that of the money. Made for some thousand
    customers at a time: a year has about 13 forecasts of each. Never fails, warns, or makes a NaN.
    """
    purchases = purchase_days(histories, today)
    buying = _buying(purchases, parameters, from_day, today)
    known = ~histories.unconverted
    return buying + _repeats(purchases, known, parameters, from_day, 10.0 ** EXPONENTS[currency])


def _buying(
    purchases: PurchaseDays, parameters: ModelParameters, from_day: int, today: int
) -> Prequential:
    made = forecasts(purchases, from_day, today)
    p = _p_buy(parameters, made)
    happened = np.where(made.bought, p, 1.0 - p)
    missed = 1.0 - happened
    tenth = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    recent = made.made >= today - RECENT_DAYS
    p_recent = p[recent]
    return Prequential(
        forecasts=len(p),
        bought=int(made.bought.sum()),
        expected=float(p.sum()),
        log_loss_sum=-float(np.log(np.maximum(happened, SMALLEST)).sum()),
        brier_sum=float((missed * missed).sum()),
        bin_forecasts=tuple(np.bincount(tenth, minlength=BINS).tolist()),
        bin_bought=tuple(np.bincount(tenth[made.bought], minlength=BINS).tolist()),
        bin_expected=tuple(np.bincount(tenth, p, BINS).tolist()),
        recent_forecasts=len(p_recent),
        recent_bought=int(made.bought[recent].sum()),
        recent_expected=float(p_recent.sum()),
        recent_variance=float((p_recent * (1.0 - p_recent)).sum()),
    )


def _p_buy(parameters: ModelParameters, made: Forecasts) -> Floats:
    """P(buy) of each, asked for some at a time: Pareto/NBD works on 40 nodes of each at once."""
    model, p = parameters.buying, np.empty(len(made.x))
    weeks = (made.horizon_days / 7.0, made.x, made.t_x_days / 7.0, made.T_days / 7.0)
    for start in range(0, len(p), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        p[some] = model.p_buy(*(column[some] for column in weeks))
    return np.clip(p, 0.0, 1.0)


def _repeats(
    purchases: PurchaseDays, known: Any, parameters: ModelParameters, from_day: int, minor: float
) -> Prequential:
    """Spend on the repeat days after `from_day`, and the gaps that they ended."""
    graded = (purchases.place > 0) & (purchases.day > from_day)
    before = np.flatnonzero(graded) - 1
    recency = (purchases.day - purchases.first_day)[before] / 7.0
    gaps = (purchases.day[graded] - purchases.day[before]) / 7.0
    x = purchases.place[before].astype(np.float64)
    within = parameters.buying.p_buy(gaps, x, recency, recency)
    priced = known[purchases.owner[graded]]
    spent = _repeat_gross(purchases)[before][priced] / minor
    actual = purchases.gross[graded][priced].astype(np.float64) / minor
    x = x[priced]
    expected = parameters.spending.expected_spend(x, spent / np.maximum(x, 1.0))
    return Prequential(
        spends=len(actual),
        spend_expected=float(expected.sum()),
        spend_actual=float(actual.sum()),
        spend_error_sum=float(np.abs(expected - actual).sum()),
        gap_sum=float(np.clip(within, 0.0, 1.0).sum()),
    )


def _repeat_gross(purchases: PurchaseDays) -> Floats:
    """Gross of a customer's repeat days up to and with each day, minor units.

    Summed in whole numbers, of which nothing is lost when the sum up to the first day is taken off.
    """
    room = largest(purchases.gross) * len(purchases)
    sums = np.cumsum(with_room(purchases.gross, room))
    repeated: Floats = (sums - sums[purchases.heads]).astype(np.float64)
    return repeated


def _added(one: Any, other: Any) -> Any:
    if isinstance(one, tuple):
        return tuple(a + b for a, b in zip(one, other, strict=True))
    return one + other


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None
