"""The time-dependent fields of a hash in exact arithmetic: what made schemas/reading-vectors.json.

Shares no code with the product, nor with the page's implementation in `page.py`: 45 digits of
`decimal` and fractions from texts to texts. Gauss's function is summed by its series, Pareto/NBD
integrated without closed forms, days are found by walking over the calendar of `zoneinfo`. Slow,
and proud of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from functools import cache, wraps
from itertools import pairwise
from typing import ParamSpec, TypeVar

from tests.core.naive_money import EXPONENTS
from tests.core.naive_time import EPOCH, business_day, start_of

DIGITS = 45
LAST_DAY = 65_534
CLEAR = Decimal("1e-6")
"""A rounded number whose exact value is closer to a half than this is no fair test."""

Texts = Mapping[str, str]
P = ParamSpec("P")
R = TypeVar("R")
D = Decimal


def precisely(function: Callable[P, R]) -> Callable[P, R]:
    """Run with enough digits, whatever the context of the caller."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with localcontext() as context:
            context.prec = DIGITS
            context.Emin, context.Emax = -(10**9), 10**9
            return function(*args, **kwargs)

    return run


@dataclass(frozen=True)
class History:
    """x, t_x and T in weeks."""

    x: Decimal
    t_x: Decimal
    T: Decimal


class Coin:
    """MBG/NBD and BG/NBD."""

    def __init__(self, model: Texts) -> None:
        self.r, self.alpha, self.a, self.b = (D(model[name]) for name in ("r", "alpha", "a", "b"))
        self.modified = model["kind"] == "mbg"

    def p_alive(self, h: History) -> Decimal:
        coins = self.b + h.x if self.modified else self.b + h.x - 1
        if h.x == 0 and not self.modified:
            return D(1)
        odds = self.a / coins * ((self.alpha + h.T) / (self.alpha + h.t_x)) ** (self.r + h.x)
        return 1 / (1 + odds)

    def p_buy(self, weeks: Decimal, h: History) -> Decimal:
        """Of who is alive."""
        return 1 - ((self.alpha + h.T) / (self.alpha + h.T + weeks)) ** (self.r + h.x)

    def expected(self, weeks: Decimal, h: History) -> Decimal:
        """Of who is alive, by 2F1; a = 1, where the formula divides 0 by 0, from next to it."""
        a = self.a if self.a != 1 else 1 + D(10) ** -20
        top = a + self.b + h.x - (0 if self.modified else 1)
        z = weeks / (self.alpha + h.T + weeks)
        gauss = gauss_series(top - self.r - h.x, a - 1, top, z)
        return top / (a - 1) * (1 - (1 - z) ** (a - 1) * gauss)


class Pareto:
    """Pareto/NBD."""

    def __init__(self, model: Texts) -> None:
        self.r, self.alpha, self.s, self.beta = (
            D(model[name]) for name in ("r", "alpha", "s", "beta")
        )

    def p_alive(self, h: History) -> Decimal:
        k, alpha, beta, idle = self.r + h.x, self.alpha + h.t_x, self.beta + h.t_x, h.T - h.t_x

        def dying(u: Decimal) -> Decimal:
            # Silence until u and death there, over silence and life until the end.
            bought = k * ((alpha + idle) / (alpha + u)).ln()
            died = self.s * ((beta + idle) / (beta + u)).ln()
            return self.s / (beta + u) * (bought + died).exp()

        return 1 / (1 + integral(dying, idle, (k / alpha + self.s / beta)))

    def p_buy(self, weeks: Decimal, h: History) -> Decimal:
        """Of who is alive."""
        k, alpha, beta = self.r + h.x, self.alpha + h.T, self.beta + h.T

        def buying(u: Decimal) -> Decimal:
            silent = k * (alpha / (alpha + u)).ln() + self.s * (beta / (beta + u)).ln()
            return k / (alpha + u) * silent.exp()

        return integral(buying, weeks, k / alpha + self.s / beta)

    def expected(self, weeks: Decimal, h: History) -> Decimal:
        """Of who is alive."""
        left = (self.beta + h.T) / (self.beta + h.T + weeks)
        life = -left.ln() if self.s == 1 else (1 - left ** (self.s - 1)) / (self.s - 1)
        return (self.r + h.x) * (self.beta + h.T) / (self.alpha + h.T) * life


@precisely
def timed_fields(stored: Texts, model: Texts | None, rules: Texts, now: int) -> dict[str, str]:
    """What of a hash moves with time, as of `now`; the arguments are hashes of Redis as texts."""
    return _Score(stored, model, rules, now).fields()


class _Score:
    def __init__(self, stored: Texts, model: Texts | None, rules: Texts, now: int) -> None:
        self.stored, self.model, self.rules, self.now = stored, model, rules, now
        self.today = self._day_of(now)
        self.bought = "first_order" in stored
        if self.bought:
            self.first = (date.fromisoformat(stored["first_order"]) - EPOCH).days
            self.last = (date.fromisoformat(stored["last_order"]) - EPOCH).days
            self.days = max(self.today, self.last) - self.first
            self.single = stored["frequency"] == "0"
        if model is not None:
            self.buying = Pareto(model) if model["kind"] == "pareto" else Coin(model)

    def fields(self) -> dict[str, str]:
        found: dict[str, str] = {"as_of": str(self.now)}
        value = None
        if self.bought and self.model is not None:
            found |= self._chances()
            value = self._value(self.model)
        elif self.bought and "aov" in self.stored:
            value = self._formula(Fraction(1))
        if value is not None:
            found["ltv_365"] = str(value)
            found["ltv"] = str(int(self.stored["revenue"]) + value)
        if self.bought and "aov" in self.stored:
            found["ltv_formula"] = str(self._formula(Fraction(self.rules["lifespan_years"])))
        return found | self._standing()

    def _chances(self) -> dict[str, str]:
        h = self._history(self.days)
        alive = self.buying.p_alive(h)
        return {
            "p_alive": digits(alive),
            "churn_30": digits(1 - alive * self.buying.p_buy(D(30) / 7, h)),
            "churn_90": digits(1 - alive * self.buying.p_buy(D(90) / 7, h)),
            "orders_365": digits(alive * self.buying.expected(D(365) / 7, h)),
        }

    def _value(self, model: Texts) -> int:
        h = self._history(self.days)
        minor = D(10) ** EXPONENTS[self.rules["currency"]]
        p, q, gamma = (D(model[name]) for name in ("p", "q", "gamma"))
        repeat = D(self.stored["repeat_gross"]) / minor
        spend = p * gamma / (q - 1)
        if h.x > 0 and repeat > 0:
            spend = p * (gamma + repeat) / (p * h.x + q - 1)
        expected = self.buying.p_alive(h) * self.buying.expected(D(365) / 7, h)
        exact = expected * spend * D(model["net_ratio"]) * minor
        assert abs(abs(exact - int(exact)) - D("0.5")) > CLEAR, f"a half: {exact}"
        return int(exact.to_integral_value(ROUND_HALF_EVEN))

    def _formula(self, years: Fraction) -> int:
        a_year = Fraction(36525, 100)
        rate = int(self.stored["orders"]) * a_year / max(Fraction(self.days + 1), a_year)
        return round(int(self.stored["aov"]) * rate * years)

    def _standing(self) -> dict[str, str]:
        if not self.bought:
            return {"tier": "prospect"}
        tier = self._tier_on(self.today)
        found = {"tier": tier}
        for name, colder in (("at_risk_at", ("at_risk", "lost")), ("lost_at", ("lost",))):
            day = self._first_day(colder)
            if tier not in colder and day is not None:
                found[name] = str(start_of(day, self.rules["time_zone"]))
        due = self._due() if self.model is not None else None
        return found if due is None else found | {"next_order_at": str(due)}

    def _tier_on(self, day: int) -> str:
        silent = max(day, self.last) - self.last
        if self.single and silent < int(self.rules["new_days"]):
            return "new"
        if self.model is None:
            if silent <= int(self.rules["formula_active_days"]):
                return "active"
            return "at_risk" if silent <= int(self.rules["formula_at_risk_days"]) else "lost"
        alive = self.buying.p_alive(self._history(max(day, self.last) - self.first))
        if alive >= D(self.rules["alive"]):
            return "active"
        return "at_risk" if alive >= D(self.rules["at_risk"]) else "lost"

    def _first_day(self, colder: tuple[str, ...]) -> int | None:
        """The first day after today on which the tier is one of these; by bisection."""
        low, high = self.today, LAST_DAY + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._tier_on(middle) in colder else (middle, high)
        return high if high <= LAST_DAY else None

    def _due(self) -> int | None:
        """When the next order has come with chance one half, by bisection; rounded up."""
        h = self._history(self.days)
        alive = self.buying.p_alive(h)
        most = D(LAST_DAY - self.today) / 7
        if most <= 0 or alive * self.buying.p_buy(most, h) < D("0.5"):
            return None
        low, high = D(0), most
        while (high - low) * 604_800 > D("1e-8"):
            middle = (low + high) / 2
            short = alive * self.buying.p_buy(middle, h) < D("0.5")
            low, high = (middle, high) if short else (low, middle)
        seconds = high * 604_800
        assert abs(seconds - seconds.to_integral_value()) > CLEAR, f"a whole second: {seconds}"
        since = self.now if self.last <= self.today else start_of(self.last, self._zone)
        return since + int(seconds.to_integral_value(ROUND_CEILING))

    def _history(self, days: int) -> History:
        return History(D(self.stored["frequency"]), D(self.last - self.first) / 7, D(days) / 7)

    def _day_of(self, seconds: int) -> int:
        return business_day(seconds * 1_000_000, self._zone)

    @property
    def _zone(self) -> str:
        return self.rules["time_zone"]


def digits(value: Decimal) -> str:
    """The nearest double, with 17 digits."""
    return format(float(value), ".17g")


def gauss_series(a: Decimal, b: Decimal, c: Decimal, z: Decimal) -> Decimal:
    """2F1 for 0 <= z < 1, by its definition."""
    total = term = D(1)
    n = 0
    while abs(term) > abs(total) * D(10) ** -(DIGITS - 5) or n < 50:
        term = term * (a + n) * (b + n) / ((c + n) * (1 + n)) * z
        total += term
        n += 1
        if term == 0:
            break
    return total


def integral(f: Callable[[Decimal], Decimal], end: Decimal, decay: Decimal) -> Decimal:
    """Of f over [0, end] by the tanh-sinh rule; f falls at `decay`, its log slope at 0, at first.

    In two pieces where it falls far: the nodes are dense at the ends of each.
    """
    if end == 0:
        return D(0)
    pieces = [D(0), 90 / decay, end] if decay * end > 90 else [D(0), end]
    total = D(0)
    for low, high in pairwise(pieces):
        wide = high - low
        total += wide * sum((w * f(low + wide * s) for s, w in nodes()), D(0))
    return total


@cache
def nodes() -> tuple[tuple[Decimal, Decimal], ...]:
    """Abscissas on (0, 1) and weights."""
    pi, step, found = D("3.14159265358979323846264338327950288419716939937511"), D(1) / 24, []
    for number in range(-110, 111):
        t = step * number
        bent = pi * (t.exp() - (-t).exp()) / 2
        if abs(bent) > 85:
            continue
        s = 1 / (1 + (-bent).exp())
        found.append((s, step * pi * (t.exp() + (-t).exp()) / 2 * s * (1 - s)))
    return tuple(found)
