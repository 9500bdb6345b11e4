"""The oracle's scores where no model is fitted: the marketer's formula and tiers by silence."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from tests.core.naive import Facts, fact_fields, half_even
from tests.core.naive_time import business_day, start_of

YEAR = Fraction(36525, 100)  # days


@dataclass(frozen=True)
class Rules:
    """The settings on which a score depends; days are whole days of the business time zone."""

    currency: str = "USD"
    time_zone: str = "UTC"
    lifespan_years: int = 3
    new_days: int = 30
    active_days: int = 90
    at_risk_days: int = 180


def observed_days(found: Facts, as_of_day: int) -> int | None:
    """T: from the first purchase day to as_of, never before the last purchase day."""
    if found.first_day is None or found.last_day is None:
        return None
    return max(as_of_day, found.last_day) - found.first_day


def formula_minor(found: Facts, as_of_day: int, years: int) -> int | None:
    """`aov` x orders per year x years, whole minor units; None where there is no `aov`."""
    observed = observed_days(found, as_of_day)
    if observed is None or found.orders <= 0:
        return None
    aov = half_even(Fraction(found.gross_minor, found.orders))
    per_year = found.orders * YEAR / max(Fraction(observed + 1), YEAR)
    return half_even(aov * per_year * years)


def tier(found: Facts, as_of_day: int, rules: Rules) -> str:
    """The tier without a model, by days since the last order."""
    if found.last_day is None:
        return "prospect"
    idle = max(as_of_day - found.last_day, 0)
    if found.purchase_days == 1 and idle < rules.new_days:
        return "new"
    if idle <= rules.active_days:
        return "active"
    return "at_risk" if idle <= rules.at_risk_days else "lost"


def falls_at(found: Facts, as_of_day: int, rules: Rules, bound_days: int) -> int | None:
    """Unix seconds at which the silence exceeds the bound; None when it has, or for a prospect."""
    if found.last_day is None:
        return None
    first = found.last_day + bound_days + 1
    if found.purchase_days == 1:
        first = max(first, found.last_day + rules.new_days)
    return start_of(first, rules.time_zone) if first > as_of_day else None


def hash_fields(found: Facts, as_of_seconds: int, rules: Rules) -> dict[str, str]:
    """The published hash of a customer without a model, less gen, pos, rfm, value_rank, model."""
    as_of_day = business_day(as_of_seconds * 1_000_000, rules.time_zone)
    fields = fact_fields(found, time_zone=rules.time_zone, currency=rules.currency)
    fields |= {"as_of": str(as_of_seconds), "basis": "formula"}
    fields["tier"] = tier(found, as_of_day, rules)
    year = formula_minor(found, as_of_day, 1)
    lifespan = formula_minor(found, as_of_day, rules.lifespan_years)
    if year is not None and lifespan is not None:
        fields["ltv_365"] = str(year)
        fields["ltv"] = str(found.revenue_minor + year)
        fields["ltv_formula"] = str(lifespan)
    for name, bound in (("at_risk_at", rules.active_days), ("lost_at", rules.at_risk_days)):
        falls = falls_at(found, as_of_day, rules, bound)
        if falls is not None:
            fields[name] = str(falls)
    return fields
