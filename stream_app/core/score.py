"""Scores: what the facts of many customers say about their future, as of an instant.

`score` computes every published number but those that depend on other customers (`rfm`,
`value_rank`), vectorised: columns in, columns out. Facts that need no arithmetic (dates, signup)
are left to the formatting. Whole days decide: within one business day nothing moves but
`next_order_at`, which counts from the very second.

By model: P(alive) and expected purchases times expected spend times the share that refunds
leave. Without one: the marketer's formula, and tiers by days since the last order; what only a
model can tell is absent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream_app.core.calendar import DAY_SECONDS, Calendar
from stream_app.core.days import LAST_DAY
from stream_app.core.models import formula
from stream_app.core.models.arrays import Floats
from stream_app.core.models.day_starts import ABSENT, DayStarts, day_starts
from stream_app.core.models.falls import NEVER, day_of_fall
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.statistics import Statistics
from stream_app.core.models.whole_numbers import (
    Whole,
    divided_half_even,
    largest,
    whole,
    with_room,
)
from stream_app.core.money import EXPONENTS
from stream_app.core.segments import ACTIVE, AT_RISK, LOST, NEW, PROSPECT, TierBounds

YEAR_DAYS: Final = 365
CHURN_DAYS: Final = (30, 90)
WEEK_SECONDS: Final = 7 * DAY_SECONDS
MEDIAN: Final = 0.5

Days = NDArray[np.int64]


@dataclass(frozen=True)
class ScoreSettings:
    """What scores depend on besides facts, time and model."""

    currency: str
    """Base currency, ISO 4217: its exponent makes minor units of what the model says."""
    lifespan_years: float = 3.0
    """Years of `ltv_formula`."""
    tiers: TierBounds = field(default_factory=TierBounds)


@dataclass(frozen=True)
class Scores:
    """Columns over customers. A column has meaning where the mask named with it is true."""

    statistics: Statistics
    """The facts they were computed from."""
    as_of: int
    """Unix seconds at which they hold."""
    currency: str
    model: str | None
    """Id of the parameters used; None: by formula."""
    basis_reason: str | None
    """Why by formula; None by model."""
    bought: NDArray[np.bool_]
    """Has a purchase day. All but `revenue_minor` and `tier` is about these."""
    ordered: NDArray[np.bool_]
    """Bought, and has more purchases than cancellations, so that there is an average order."""
    valued: NDArray[np.bool_]
    """Has a future value: bought by model, `ordered` by formula."""
    revenue_minor: Whole
    aov_minor: Whole
    """Where `ordered`."""
    frequency: Days
    recency_days: Days
    T_days: Days
    """From the first purchase day to as_of, but not to before the last one."""
    monetary_hundredths: Whole
    """Hundredths of a minor unit a repeat day; where frequency > 0."""
    p_alive: Floats
    """By model, like the next three; else NaN."""
    churn_30: Floats
    churn_90: Floats
    orders_365: Floats
    ltv_365_minor: Whole
    """Where `valued`, like `ltv_minor`."""
    ltv_minor: Whole
    ltv_formula_minor: Whole
    """Where `ordered`."""
    tier: NDArray[np.int8]
    """Codes of core/segments.py."""
    at_risk_at: Days
    """Unix seconds, ABSENT where the tier can't fall to that any more or never will."""
    lost_at: Days
    next_order_at: Days
    """Unix seconds, ABSENT where the order is not expected or not by a model."""
    next_fall_at: Days
    """Unix seconds at which, in silence, `tier` next changes; ABSENT where it stays."""

    def __len__(self) -> int:
        return len(self.bought)


class _Ages(NamedTuple):
    """The time axis of each customer in days; zeros for who never bought."""

    bought: NDArray[np.bool_]
    first_day: Days
    frequency: Days
    recency: Days
    T: Days
    single: NDArray[np.bool_]
    """One purchase day."""


class _Outlook(NamedTuple):
    """What a model, or its absence, says of the future."""

    p_alive: Floats
    churn: tuple[Floats, Floats]
    orders_365: Floats
    ltv_365_minor: Whole
    valued: NDArray[np.bool_]
    wait_seconds: Floats
    """Until the next order is due; inf: not expected."""
    standing: NDArray[np.int64]
    """ACTIVE, AT_RISK or LOST, were nobody new and everybody a buyer."""
    falls: tuple[Days, Days]
    """Days after the first on which standing falls from ACTIVE, and to LOST."""


def score(
    statistics: Statistics,
    *,
    as_of_seconds: int,
    as_of_day: int,
    calendar: Calendar,
    parameters: ModelParameters | None,
    basis_reason: str | None,
    settings: ScoreSettings,
) -> Scores:
    """The scores of these customers as of an instant, which falls on business day `as_of_day`.

    `parameters` must have no problem and fit the business; None scores by formula, and
    `basis_reason` says why. Never fails, warns, or makes a NaN but the documented ones.
    """
    ages = _ages(statistics, as_of_day)
    ordered = ages.bought & (statistics.orders > 0)
    orders = np.where(ordered, statistics.orders, 1)
    aov = divided_half_even(statistics.gross_minor, orders)
    if parameters is None:
        outlook = _by_formula(aov, orders, ages, ordered, settings)
    else:
        outlook = _by_model(statistics, ages, parameters, settings)
    revenue = statistics.gross_minor - statistics.refunds_minor
    room = largest(revenue) + largest(outlook.ltv_365_minor)
    tier = _tiers(ages, outlook, settings.tiers)
    starts = day_starts(calendar)
    at_risk_at, lost_at, next_fall_at = _falls_at(ages, outlook, tier, settings.tiers, starts)
    return Scores(
        statistics=statistics,
        as_of=as_of_seconds,
        currency=settings.currency,
        model=parameters.id if parameters is not None else None,
        basis_reason=basis_reason if parameters is None else None,
        bought=ages.bought,
        ordered=ordered,
        valued=outlook.valued,
        revenue_minor=revenue,
        aov_minor=aov,
        frequency=ages.frequency,
        recency_days=ages.recency,
        T_days=ages.T,
        monetary_hundredths=_monetary_hundredths(statistics, ages),
        p_alive=outlook.p_alive,
        churn_30=outlook.churn[0],
        churn_90=outlook.churn[1],
        orders_365=outlook.orders_365,
        ltv_365_minor=outlook.ltv_365_minor,
        ltv_minor=with_room(revenue, room) + outlook.ltv_365_minor,
        ltv_formula_minor=formula.lifetime_value(
            aov, orders, ages.T, Fraction(repr(settings.lifespan_years))
        ),
        tier=tier,
        at_risk_at=at_risk_at,
        lost_at=lost_at,
        next_order_at=_next_order_at(statistics, outlook, as_of_seconds, as_of_day, starts),
        next_fall_at=next_fall_at,
    )


def _ages(statistics: Statistics, as_of_day: int) -> _Ages:
    bought = statistics.purchase_days > 0
    first_day, last_day = statistics.first_day, statistics.last_day
    T = np.maximum(last_day, as_of_day) - first_day
    frequency = statistics.purchase_days - 1
    if not bought.all():
        T, frequency = np.where(bought, T, 0), np.where(bought, frequency, 0)
    return _Ages(bought, first_day, frequency, last_day - first_day, T, bought & (frequency == 0))


def _by_model(
    statistics: Statistics, ages: _Ages, parameters: ModelParameters, settings: ScoreSettings
) -> _Outlook:
    model, bounds = parameters.buying, settings.tiers
    x, t_x, T = ages.frequency.astype(np.float64), ages.recency / 7.0, ages.T / 7.0
    p_alive = model.p_alive(x, t_x, T)
    orders_365 = p_alive * model.expected_while_alive(YEAR_DAYS / 7.0, x, T)
    soon, later = (1.0 - p_alive * model.p_buy_while_alive(days / 7.0, x, T) for days in CHURN_DAYS)
    minor = 10.0 ** EXPONENTS[settings.currency]
    mean = statistics.repeat_gross_minor.astype(np.float64) / minor / np.maximum(x, 1.0)
    spend = parameters.spending.expected_spend(x, mean)
    value = whole(orders_365 * spend * parameters.net_ratio * minor)
    standing = np.where(
        p_alive >= bounds.alive, ACTIVE, np.where(p_alive >= bounds.at_risk, AT_RISK, LOST)
    )
    falls = day_of_fall(model, bounds.alive, x, t_x), day_of_fall(model, bounds.at_risk, x, t_x)
    wait = model.next_purchase(MEDIAN, x, T, p_alive) * WEEK_SECONDS
    p_alive, soon, later, orders_365, wait = (
        _of_buyers(column, ages, np.nan) for column in (p_alive, soon, later, orders_365, wait)
    )
    return _Outlook(p_alive, (soon, later), orders_365, value, ages.bought, wait, standing, falls)


def _by_formula(
    aov: Whole,
    orders: Days,
    ages: _Ages,
    ordered: NDArray[np.bool_],
    settings: ScoreSettings,
) -> _Outlook:
    unknown = np.full(len(ages.T), np.nan)
    active, at_risk = settings.tiers.formula_days
    idle = ages.T - ages.recency
    standing = np.where(idle <= active, ACTIVE, np.where(idle <= at_risk, AT_RISK, LOST))
    return _Outlook(
        p_alive=unknown,
        churn=(unknown, unknown),
        orders_365=unknown,
        ltv_365_minor=formula.lifetime_value(aov, orders, ages.T, Fraction(1)),
        valued=ordered,
        wait_seconds=unknown,
        standing=standing,
        falls=(ages.recency + active + 1, ages.recency + at_risk + 1),
    )


def _monetary_hundredths(statistics: Statistics, ages: _Ages) -> Whole:
    repeat = statistics.repeat_gross_minor
    hundredfold = with_room(repeat, 100.0 * largest(repeat)) * 100
    return divided_half_even(hundredfold, np.maximum(ages.frequency, 1))


def _tiers(ages: _Ages, outlook: _Outlook, bounds: TierBounds) -> NDArray[np.int8]:
    fresh = ages.single & (ages.T < bounds.new_days)  # noqa: SIM300 -- T is no constant
    tier = np.where(fresh, NEW, outlook.standing)
    return _of_buyers(tier.astype(np.int8), ages, PROSPECT)


def _falls_at(
    ages: _Ages, outlook: _Outlook, tier: NDArray[np.int8], bounds: TierBounds, starts: DayStarts
) -> tuple[Days, Days, Days]:
    """When the tier falls to at_risk, to lost, and changes next, in Unix seconds.

    A standing that holds today falls tomorrow at the earliest, and `new` ends before it falls.
    """
    grown = np.where(ages.single, bounds.new_days, 0)
    earliest = np.maximum(ages.T + 1, grown)
    to_risk = np.maximum(outlook.falls[0], earliest)
    to_lost = np.maximum(outlook.falls[1], earliest)
    days = np.stack((to_risk, to_lost, grown)) + ages.first_day
    days[:, tier == PROSPECT] = NEVER
    days[0, tier >= AT_RISK] = NEVER
    days[1, tier == LOST] = NEVER
    at_risk_at, lost_at, grown_at = starts.of(days)
    next_fall_at = np.where(tier == NEW, grown_at, np.where(tier == ACTIVE, at_risk_at, lost_at))
    return at_risk_at, lost_at, next_fall_at


def _next_order_at(
    statistics: Statistics,
    outlook: _Outlook,
    as_of_seconds: int,
    as_of_day: int,
    starts: DayStarts,
) -> Days:
    """as_of plus the wait, rounded up; from the last order's day where as_of is before it."""
    due = outlook.wait_seconds < (LAST_DAY - as_of_day) * DAY_SECONDS
    seconds = np.ceil(np.where(due, outlook.wait_seconds, 0.0)).astype(np.int64)
    early = due & (statistics.last_day > as_of_day)
    since: Any = as_of_seconds
    if early.any():
        since = np.where(early, starts.of(statistics.last_day), as_of_seconds)
    return np.where(due, since + seconds, ABSENT)


def _of_buyers(column: NDArray[Any], ages: _Ages, otherwise: float) -> NDArray[Any]:
    return column if ages.bought.all() else np.where(ages.bought, column, otherwise)
