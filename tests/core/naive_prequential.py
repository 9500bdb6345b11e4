"""The oracle's grades: one customer at a time, one day at a time, formulas written out again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import exp, expm1, log, log1p
from typing import Any, NamedTuple

from stream_app.core.days import Bucket
from stream_app.core.models.parameters import ModelParameters

SUMS = (
    "forecasts", "bought", "expected", "log_loss_sum", "brier_sum", "recent_forecasts",
    "recent_bought", "recent_expected", "recent_variance", "spends", "spend_expected",
    "spend_actual", "spend_error_sum", "gap_sum",
)  # fmt: skip
TENTHS = ("bin_forecasts", "bin_bought", "bin_expected")

Chance = Callable[[float, int, float, float], float]
"""P(buy) within t weeks, of frequency x, recency t_x and age T."""


class Shopper(NamedTuple):
    """What the definition looks at."""

    buckets: list[Bucket]
    unconverted: bool


def p_buy(parameters: ModelParameters) -> Chance:
    """Papers in hand: Batislam et al. 2007 and Fader et al. 2008; Pareto/NBD by Simpson's rule."""
    values = {name: getattr(parameters, name) for name in ("r", "alpha", "a", "b", "s", "beta")}
    if parameters.kind == "pareto":
        return _pareto(**values)
    return _beta_geometric(**values, first_too=parameters.kind == "mbg")


def _beta_geometric(first_too: bool, **named: Any) -> Chance:
    r, alpha, a, b = (named[name] for name in ("r", "alpha", "a", "b"))

    def chance(t: float, x: int, t_x: float, T: float) -> float:
        tossed = x + 1 if first_too else x
        odds = a / (b + tossed - 1) if tossed else 0.0
        stopped: float = odds * ((alpha + T) / (alpha + t_x)) ** (r + x)
        buying: float = -expm1((r + x) * log((alpha + T) / (alpha + T + t)))
        return buying / (1 + stopped)

    return chance


def _pareto(**named: Any) -> Chance:
    r, alpha, s, beta = (named[name] for name in ("r", "alpha", "s", "beta"))

    def chance(t: float, x: int, t_x: float, T: float) -> float:
        k = r + x

        def neither(u: float, since: float) -> float:
            return exp(
                -k * log1p((u - since) / (alpha + since)) - s * log1p((u - since) / (beta + since))
            )

        dead = _simpson(lambda u: s / (beta + u) * neither(u, t_x), t_x, T) / neither(T, t_x)
        buying = _simpson(lambda u: k / (alpha + u) * neither(u, T), T, T + t)
        return buying / (1 + dead)

    return chance


def _simpson(f: Callable[[float], float], start: float, end: float, steps: int = 400) -> float:
    width = (end - start) / steps
    inner = sum((4 if step % 2 else 2) * f(start + step * width) for step in range(1, steps))
    return (f(start) + inner + f(end)) * width / 3


def expected_spend(parameters: ModelParameters, repeats: list[int], minor: int) -> float:
    """Gamma-Gamma (note 025, equation 5) of what was spent on repeat days."""
    p, q, gamma = parameters.p, parameters.q, parameters.gamma
    x, total = len(repeats), sum(repeats) / minor
    return p * (gamma + total) / (p * x + q - 1) if total > 0 else p * gamma / (q - 1)


def graded(
    shoppers: Iterable[Shopper],
    parameters: ModelParameters,
    *,
    today: int,
    minor: int,
    from_day: int,
    horizon: int = 30,
    recent: int = 90,
) -> dict[str, Any]:
    """The fields of `Prequential`, by name."""
    chance = p_buy(parameters)
    found: dict[str, Any] = dict.fromkeys(SUMS, 0)
    found |= {name: [0] * 10 for name in TENTHS}
    for shopper in shoppers:
        money = {one.day: one.gross for one in shopper.buckets if one.orders >= 1}
        days = [day for day in sorted(money) if day <= today]
        for made in _made(days, from_day, today, horizon):
            x, t_x, T = _seen(days, made)
            ahead = min(horizon, today - made)
            came = any(made < day <= made + ahead for day in days)
            _count(found, chance(ahead / 7, x, t_x, T), came, made >= today - recent)
        for day in days[1:]:
            if day > from_day:
                before = [one for one in days if one < day]
                x, t_x, T = _seen(days, before[-1])
                found["gap_sum"] += chance((day - before[-1]) / 7, x, t_x, T)
                if not shopper.unconverted:
                    said = expected_spend(parameters, [money[one] for one in before[1:]], minor)
                    found["spends"] += 1
                    found["spend_expected"] += said
                    found["spend_actual"] += money[day] / minor
                    found["spend_error_sum"] += abs(said - money[day] / minor)
    return found


def _made(days: list[int], from_day: int, today: int, horizon: int) -> list[int]:
    """Days at whose end a forecast is made, found by living through them all."""
    made: list[int] = []
    for day in range(from_day, today):
        bought = [one for one in days if one <= day]
        if not bought:
            continue
        first_look = not made
        if first_look or day == bought[-1] or day == made[-1] + horizon:
            made.append(day)
    return made


def _seen(days: list[int], made: int) -> tuple[int, float, float]:
    known = [day for day in days if day <= made]
    return len(known) - 1, (known[-1] - known[0]) / 7, (made - known[0]) / 7


def _count(found: dict[str, Any], p: float, came: bool, is_recent: bool) -> None:
    tenth = min(int(p * 10), 9)
    found["forecasts"] += 1
    found["bought"] += came
    found["expected"] += p
    found["log_loss_sum"] -= log(max(p if came else 1 - p, 1e-12))
    found["brier_sum"] += (p - came) ** 2
    found["bin_forecasts"][tenth] += 1
    found["bin_bought"][tenth] += came
    found["bin_expected"][tenth] += p
    if is_recent:
        found["recent_forecasts"] += 1
        found["recent_bought"] += came
        found["recent_expected"] += p
        found["recent_variance"] += p * (1 - p)
