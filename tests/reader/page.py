"""schemas/reading.md, line by line: what a program in another language would do.

Nothing but `math`, and days from the standard library. Where this and the vectors agree, the page
says enough. Names are the page's.
"""

# ruff: noqa: SIM300 -- P is a number of the page, no constant

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from fractions import Fraction
from math import ceil, cosh, exp, expm1, log, log1p, pi, sinh

from tests.core.naive_money import EXPONENTS
from tests.core.naive_time import EPOCH, business_day, start_of

Texts = Mapping[str, str]
LAST_DAY = 65_534


def computed(stored: Texts, model: Texts | None, scoring: Texts, now: int) -> dict[str, str]:
    """The computed fields of a hash as of now, as Redis would hold them."""
    found = {"as_of": str(now)}
    if "first_order" not in stored:
        return found | {"tier": "prospect"}
    return found | Reading(stored, model, scoring, now).fields()


class Model:
    """Alive, buying within h weeks, and orders: of x, t_x and T."""

    def __init__(self, model: Texts, x: int) -> None:
        self.kind, self.x = model["kind"], x
        self.r, self.alpha = float(model["r"]), float(model["alpha"])
        self.k = self.r + x
        if self.kind == "pareto":
            self.s, self.beta = float(model["s"]), float(model["beta"])
        else:
            self.a, self.b = float(model["a"]), float(model["b"])
            self.c = self.b + x - (self.kind == "bg")

    def P(self, t_x: float, T: float) -> float:
        if self.kind == "bg" and self.x == 0:
            return 1.0
        if self.kind != "pareto":
            L = log(self.a / self.c) + self.k * log1p((T - t_x) / (self.alpha + t_x))
        else:
            A, B, end = self.alpha + t_x, self.beta + t_x, T - t_x
            if end == 0:
                return 1.0
            dying = self.integral(A, B, end, lambda u: self.s / (B + u))
            L = log(dying) + self.fall(A, B, end)
        return 0.0 if L > 700 else 1 / (1 + exp(L))

    def buy(self, h: float, T: float) -> float:
        if self.kind != "pareto":
            return -expm1(-self.k * log1p(h / (self.alpha + T)))
        A, B = self.alpha + T, self.beta + T
        return self.integral(A, B, h, lambda u: self.k / (A + u))

    def E(self, h: float, T: float) -> float:
        if self.kind != "pareto":
            return self.mean_over_coins(h / (self.alpha + T))
        lead = self.k * (self.beta + T) / (self.alpha + T)
        if self.s == 1:
            return lead * log1p(h / (self.beta + T))
        return lead * -expm1((1 - self.s) * log1p(h / (self.beta + T))) / (self.s - 1)

    def mean_over_coins(self, g: float) -> float:
        a, c, k = self.a, self.b + self.x + (self.kind == "mbg"), self.k

        def exponent(y: float) -> float:
            return -a * softplus(-y) - c * softplus(y)

        start = log(a / c)
        total = weights = 0.0
        for step in range(-2000, 2001):
            u = step * 0.005
            y = start + sinh(u)
            weight = exp(exponent(y) - exponent(start)) * cosh(u)
            p = exp(-softplus(-y))
            quotient = k * g if p < 1e-300 else -expm1(-k * log1p(p * g)) / p
            total += weight * quotient
            weights += weight
        return total / weights

    def fall(self, A: float, B: float, u: float) -> float:
        return self.k * log1p(u / A) + self.s * log1p(u / B)

    def integral(self, A: float, B: float, end: float, f: Callable[[float], float]) -> float:
        """Of f(u) e^-fall(u)."""
        m = min(A, B)
        V = min(log1p(end / m), 40 / (self.k * m / A + self.s * m / B))
        total = 0.0
        for step in range(-128, 129):
            t = step / 32
            q = 1 / (1 + exp(-pi * sinh(t)))
            v = V * q
            u = m * expm1(v)
            du = m * exp(v) * V * pi * cosh(t) * q * (1 - q) / 32
            total += f(u) * exp(-self.fall(A, B, u)) * du
        return total


class Reading:
    """One customer who has bought, at one instant."""

    def __init__(self, stored: Texts, model: Texts | None, scoring: Texts, now: int) -> None:
        self.stored, self.parameters, self.scoring, self.now = stored, model, scoring, now
        self.x = int(stored["frequency"])
        self.model = Model(model, self.x) if model is not None else None
        self.today = business_day(now * 1_000_000, scoring["time_zone"])
        self.first = (date.fromisoformat(stored["first_order"]) - EPOCH).days
        self.last = (date.fromisoformat(stored["last_order"]) - EPOCH).days
        self.days = max(self.today, self.last) - self.first
        self.t_x, self.T = (self.last - self.first) / 7, self.days / 7

    def fields(self) -> dict[str, str]:
        numbers: dict[str, float | int | None] = {}
        value = None
        if self.model is not None:
            P = self.model.P(self.t_x, self.T)
            numbers["p_alive"] = P
            numbers["churn_30"] = 1 - P * self.model.buy(30 / 7, self.T)
            numbers["churn_90"] = 1 - P * self.model.buy(90 / 7, self.T)
            numbers["orders_365"] = orders = P * self.model.E(365 / 7, self.T)
            value = self.by_model(orders)
            numbers["next_order_at"] = self.next_order_at(P)
        elif "aov" in self.stored:
            value = self.by_formula(Fraction(1))
        if "aov" in self.stored:
            numbers["ltv_formula"] = self.by_formula(Fraction(self.scoring["lifespan_years"]))
        if value is not None:
            numbers["ltv_365"], numbers["ltv"] = value, int(self.stored["revenue"]) + value
        numbers["at_risk_at"] = self.falls("at_risk", "alive", "formula_active_days")
        numbers["lost_at"] = self.falls("lost", "at_risk", "formula_at_risk_days")
        there = {name: number for name, number in numbers.items() if number is not None}
        return {"tier": self.tier()} | {name: format(number, _kind(number))
                                        for name, number in there.items()}  # fmt: skip

    def by_model(self, orders_365: float) -> int:
        assert self.parameters is not None
        p, q, gamma, net_ratio = (
            float(self.parameters[name]) for name in ("p", "q", "gamma", "net_ratio")
        )
        minor = 10.0 ** EXPONENTS[self.scoring["currency"]]
        spend = p * gamma / (q - 1)
        if self.x > 0 and int(self.stored["repeat_gross"]) > 0:
            repeat = int(self.stored["repeat_gross"]) / minor
            spend = p * (gamma + repeat) / (p * self.x + q - 1)
        return round(orders_365 * spend * net_ratio * minor)

    def by_formula(self, years: Fraction) -> int:
        year = Fraction("365.25")
        seen = max(Fraction(self.days + 1), year)
        return round(int(self.stored["aov"]) * int(self.stored["orders"]) * year / seen * years)

    def tier(self) -> str:
        idle = self.days - (self.last - self.first)
        if self.x == 0 and idle < int(self.scoring["new_days"]):
            return "new"
        if self.model is None:
            if idle <= int(self.scoring["formula_active_days"]):
                return "active"
            return "at_risk" if idle <= int(self.scoring["formula_at_risk_days"]) else "lost"
        P = self.model.P(self.t_x, self.T)
        alive, at_risk = float(self.scoring["alive"]), float(self.scoring["at_risk"])
        if P >= alive:
            return "active"
        return "at_risk" if P >= at_risk else "lost"

    def falls(self, tier: str, theta: str, formula_days: str) -> int | None:
        """at_risk_at or lost_at."""
        if self.tier() in (tier, "lost"):
            return None
        if self.model is None:
            day = self.last + int(self.scoring[formula_days]) + 1
        else:
            day = self.first_day_below(float(self.scoring[theta]))
        day = max(day, self.today + 1, self.last + 1)
        if self.x == 0:
            day = max(day, self.first + int(self.scoring["new_days"]))
        return start_of(day, self.scoring["time_zone"]) if day <= LAST_DAY else None

    def first_day_below(self, theta: float) -> int:
        """The first day with P < theta; after LAST_DAY where there is none until then."""
        assert self.model is not None

        def below(day: int) -> bool:
            assert self.model is not None
            return self.model.P(self.t_x, max((day - self.first) / 7, self.t_x)) < theta

        if self.model.kind == "pareto":
            low, high = self.last - 1, LAST_DAY + 1
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if below(middle) else (middle, high)
            return high
        if self.model.kind == "bg" and self.x == 0:
            return LAST_DAY + 1
        power: float = ((1 / theta - 1) * self.model.c / self.model.a) ** (1 / self.model.k)
        weeks = (self.model.alpha + self.t_x) * power - self.model.alpha
        if abs(7 * weeks - round(7 * weeks)) < 1e-6:
            day = self.first + round(7 * weeks)
            return day if below(day) else day + 1
        return self.first + ceil(7 * weeks)

    def next_order_at(self, P: float) -> int | None:
        assert self.model is not None
        most = 86_400 * (LAST_DAY - self.today) / 604_800
        if P <= 0.5 or most <= 0:
            return None
        w = self.wait(P, most)
        if w is None or w >= most:
            return None
        since = self.now
        if self.today < self.last:
            since = start_of(self.last, self.scoring["time_zone"])
        return since + ceil(604_800 * w)

    def wait(self, P: float, most: float) -> float | None:
        assert self.model is not None
        if self.model.kind != "pareto":
            power: float = (1 - 0.5 / P) ** (-1 / self.model.k)
            return (self.model.alpha + self.T) * (power - 1)
        if P * self.model.buy(most, self.T) < 0.5:
            return None
        low, high = 0.0, most
        for _ in range(100):
            middle = (low + high) / 2
            short = P * self.model.buy(middle, self.T) < 0.5
            low, high = (middle, high) if short else (low, middle)
        return high


def softplus(y: float) -> float:
    return max(y, 0.0) + log1p(exp(-abs(y)))


def _kind(number: float | int) -> str:
    return ".17g" if isinstance(number, float) else "d"
