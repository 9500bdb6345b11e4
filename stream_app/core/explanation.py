"""Why a score is what it is: every number of one customer from its inputs.

Each line has a rule in names and the same with the numbers put in, both plain arithmetic (Python's
operators; hyp2f1 is Gauss's function 2F1), so that it can be checked with a calculator. Numbers in
between have lines of their own before they are used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import exp
from typing import Any, Final

from stream_app.core.calendar import Calendar
from stream_app.core.models.day_starts import ABSENT
from stream_app.core.models.parameters import OF_KIND, OF_SPEND, ModelParameters
from stream_app.core.models.pareto_nbd import ParetoNbd
from stream_app.core.models.statistics import Statistics
from stream_app.core.money import EXPONENTS
from stream_app.core.score import Scores, ScoreSettings, score
from stream_app.core.segments import NEW, TIERS

Value = int | float | str | None
Inputs = Mapping[str, Any]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")

# Rules by kind of model; x, t_x and T_weeks are what papers call x, t_x and T.
_ALIVE: Final = {
    "mbg": "1 / (1 + a / (b + x) * ((alpha + T_weeks) / (alpha + t_x)) ** (r + x))",
    "bg": "1 / (1 + a / (b + x - 1) * ((alpha + T_weeks) / (alpha + t_x)) ** (r + x))",
    "pareto": "1 / (1 + odds_dead)",
}
_SILENT: Final = "1 - p_alive * (1 - ((alpha + T_weeks) / (alpha + T_weeks + t)) ** (r + x))"
_COIN: Final = {"mbg": "a + b + x", "bg": "a + b + x - 1"}
_ORDERS: Final = "p_alive * C / (a - 1) * (1 - (1 - z) ** (a - 1) * hyp2f1(C - r - x, a - 1, C, z))"
_ORDERS_PARETO: Final = (
    "p_alive * (r + x) * (beta + T_weeks) / (alpha + T_weeks)"
    " * (1 - ((beta + T_weeks) / (beta + T_weeks + 365 / 7)) ** (s - 1)) / (s - 1)"
)
_SPEND: Final = "p * (gamma + repeat_gross / minor_units) / (p * x + q - 1)"
_DUE: Final = (
    "as_of + ceil(604800 * (alpha + T_weeks) * ((1 - 0.5 / p_alive) ** (-1 / (r + x)) - 1))"
)


@dataclass(frozen=True)
class Explained:
    """One number. `field` is the hash's name of it, or the name of a number in between."""

    field: str
    value: Value
    """As published before formatting; None: absent."""
    rule: str
    """In names; where the value is absent, why."""
    filled: str
    """The rule with the inputs put in, floats to 8 digits."""
    inputs: Inputs


def explain(
    statistics: Statistics,
    *,
    as_of_seconds: int,
    as_of_day: int,
    calendar: Calendar,
    parameters: ModelParameters | None,
    basis_reason: str | None,
    settings: ScoreSettings,
) -> list[Explained]:
    """The lines of one customer (one row of statistics); the arguments are those of `score`."""
    scores = score(
        statistics,
        as_of_seconds=as_of_seconds,
        as_of_day=as_of_day,
        calendar=calendar,
        parameters=parameters,
        basis_reason=basis_reason,
        settings=settings,
    )
    story = _Story(scores, as_of_day, settings, parameters)
    return list(story.lines())


class _Story:
    """The lines, in the order in which the numbers depend on each other."""

    def __init__(
        self,
        scores: Scores,
        as_of_day: int,
        settings: ScoreSettings,
        parameters: ModelParameters | None,
    ) -> None:
        self._scores = scores
        self._settings = settings
        self._parameters = parameters
        found = scores.statistics
        self._known: dict[str, Any] = {
            "gross": _only(found.gross_minor),
            "refunds": _only(found.refunds_minor),
            "orders": _only(found.orders),
            "purchase_days": _only(found.purchase_days),
            "first_day": _only(found.first_day),
            "last_day": _only(found.last_day),
            "repeat_gross": _only(found.repeat_gross_minor),
            "as_of": scores.as_of,
            "as_of_day": as_of_day,
            "years": settings.lifespan_years,
            "minor_units": 10 ** EXPONENTS[settings.currency],
        }

    def lines(self) -> Iterator[Explained]:
        yield self._line("revenue", "gross - refunds", _only(self._scores.revenue_minor))
        if not _only(self._scores.bought):
            yield self._tier("never bought")
            return
        yield from self._facts()
        if self._parameters is not None:
            yield from self._by_model(self._parameters)
        elif _only(self._scores.valued):
            rule = "aov * orders * 365.25 / max(T + 1, 365.25)"
            yield self._line("ltv_365", rule, _only(self._scores.ltv_365_minor))
        if _only(self._scores.valued):
            yield self._line("ltv", "revenue + ltv_365", _only(self._scores.ltv_minor))
        yield from self._standing()

    def _facts(self) -> Iterator[Explained]:
        scores = self._scores
        yield self._line("frequency", "purchase_days - 1", _only(scores.frequency))
        yield self._line("recency", "last_day - first_day", _only(scores.recency_days))
        yield self._line("T", "max(as_of_day, last_day) - first_day", _only(scores.T_days))
        if _only(scores.ordered):
            yield self._line("aov", "gross / orders", _only(scores.aov_minor))
            rule = "aov * orders * 365.25 / max(T + 1, 365.25) * years"
            yield self._line("ltv_formula", rule, _only(scores.ltv_formula_minor))
        if _only(scores.frequency) > 0:
            monetary = _only(scores.monetary_hundredths) / 100
            yield self._line("monetary", "repeat_gross / frequency", monetary)

    def _by_model(self, parameters: ModelParameters) -> Iterator[Explained]:
        self._known |= {
            name: getattr(parameters, name)
            for name in (*OF_KIND[parameters.kind], *OF_SPEND, "net_ratio")
        }
        x, t_x, T = (self._known[name] for name in ("frequency", "recency", "T"))
        yield self._line("x", "frequency", x)
        yield self._line("t_x", "recency / 7", t_x / 7)
        yield self._line("T_weeks", "T / 7", T / 7)
        yield from self._buying(parameters)
        spend = "p * gamma / (q - 1)"
        if x > 0 and self._known["repeat_gross"] > 0:
            spend = _SPEND
        mean = self._known["repeat_gross"] / self._known["minor_units"] / max(x, 1)
        yield self._line("spend", spend, float(parameters.spending.expected_spend(x, mean)))
        rule = "orders_365 * spend * net_ratio * minor_units"
        yield self._line("ltv_365", rule, _only(self._scores.ltv_365_minor))

    def _buying(self, parameters: ModelParameters) -> Iterator[Explained]:
        scores, model = self._scores, parameters.buying
        x, T = self._known["x"], self._known["T_weeks"]
        alive = "1" if parameters.kind == "bg" and x == 0 else _ALIVE[parameters.kind]
        if isinstance(model, ParetoNbd):
            odds = exp(min(float(model.log_death_odds(x, self._known["t_x"], T)), 700.0))
            yield self._line(
                "odds_dead", "by quadrature from r, alpha, s, beta, x, t_x, T_weeks", odds
            )
        yield self._line("p_alive", alive, _only(scores.p_alive))
        for name, days in (("churn_30", 30), ("churn_90", 90)):
            rule = _SILENT.replace("+ t)", f"+ {days} / 7)")
            if isinstance(model, ParetoNbd):
                chance = float(model.p_buy_while_alive(days / 7, x, T))
                rule = f"1 - p_alive * buys_{days}"
                how = "by quadrature from r, alpha, s, beta, x, T_weeks"
                yield self._line(f"buys_{days}", how, chance)
            yield self._line(name, rule, _only(getattr(scores, name)))
        if isinstance(model, ParetoNbd):
            yield self._line("orders_365", _ORDERS_PARETO, _only(scores.orders_365))
            return
        coin = self._known["a"] + self._known["b"] + x - (parameters.kind == "bg")
        yield self._line("C", _COIN[parameters.kind], coin)
        horizon = 365 / 7
        z = horizon / (self._known["alpha"] + T + horizon)
        yield self._line("z", "365 / 7 / (alpha + T_weeks + 365 / 7)", z)
        yield self._line("orders_365", _ORDERS, _only(scores.orders_365))

    def _standing(self) -> Iterator[Explained]:
        bounds, tier = self._settings.tiers, _only(self._scores.tier)
        by_model = self._parameters is not None
        idle = self._known["T"] - self._known["recency"]
        self._known["idle"] = idle
        if tier == NEW:
            yield self._tier(f"one purchase day, {idle} days ago, less than {bounds.new_days}")
        elif by_model:
            yield self._tier(
                f"p_alive {_text(self._known['p_alive'])}: active from {bounds.alive:g},"
                f" at_risk from {bounds.at_risk:g}"
            )
        else:
            active, at_risk = bounds.formula_days
            yield self._tier(
                f"{idle} days since the last order: active to {active}, at_risk to {at_risk}"
            )
        yield from self._fall("at_risk", bounds.alive, bounds.formula_days[0])
        yield from self._fall("lost", bounds.at_risk, bounds.formula_days[1])
        if by_model:
            yield self._next_order()

    def _fall(self, tier: str, theta: float, most_days: int) -> Iterator[Explained]:
        """When silence takes the tier there: the day, from T* where it has a closed form."""
        name = f"{tier}_at"
        instant = _only(getattr(self._scores, name))
        grown = self._settings.tiers.new_days if self._known["frequency"] == 0 else 0
        if instant == ABSENT:
            yield Explained(name, None, "fallen already, or never in silence", "", {})
            return
        if self._parameters is None:
            day = f"last_day + {most_days} + 1"
        elif self._parameters.kind == "pareto":
            day = f"first_day + days until P(alive) < {theta:g}, by iteration"
        else:
            x, t_x = self._known["x"], self._known["t_x"]
            weeks = float(self._parameters.buying.age_at(theta, x, t_x))
            coin = "(b + x) / a" if self._parameters.kind == "mbg" else "(b + x - 1) / a"
            rule = f"(alpha + t_x) * ((1 / {theta:g} - 1) * {coin}) ** (1 / (r + x)) - alpha"
            yield self._line(f"{tier}_weeks", rule, weeks)
            day = f"first_day + ceil(7 * {tier}_weeks)"
        if grown:
            day = f"max({day}, first_day + {grown})"
        yield self._line(name, f"start of day {day}", instant)

    def _next_order(self) -> Explained:
        instant = _only(self._scores.next_order_at)
        if instant == ABSENT:
            alive = _text(self._known["p_alive"])
            rule = f"not expected: a median needs p_alive above .5, and it is {alive}"
            return Explained("next_order_at", None, rule, "", {})
        if "s" in self._known or self._known["last_day"] > self._known["as_of_day"]:
            rule = "the wait until which a purchase comes with chance .5, solved by iteration"
            return Explained("next_order_at", instant, rule, rule, {})
        return self._line("next_order_at", _DUE, instant)

    def _tier(self, why: str) -> Explained:
        return Explained("tier", TIERS[_only(self._scores.tier)], why, why, {})

    def _line(self, name: str, rule: str, value: Value) -> Explained:
        inputs = {
            found: self._known[found] for found in _NAME.findall(rule) if found in self._known
        }
        filled = _NAME.sub(lambda found: _text(inputs.get(found[0], found[0])), rule)
        self._known[name] = value
        return Explained(name, value, rule, filled, inputs)


def _only(column: Any) -> Any:
    """The one value of a column, as Python's own."""
    return column.item()


def _text(value: Any) -> str:
    """A number to be read: whole ones exactly, others to 8 digits."""
    return format(value, ".8g") if isinstance(value, float) else str(value)
