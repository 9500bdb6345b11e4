"""Maximum likelihood for Gamma-Gamma, and a look at what it takes for granted.

The model holds that what customers spend does not depend on how often they buy. The correlation of
frequency and mean spend says how far that is from true (Fader and Hardie, note 025, section 5).
Money is rescaled inside to a mean of 1, so that cents and dollars are the same to the search.

Where there is no spread to learn from, the likelihood has no maximum: it rises with p for as long
as a customer pays the same every day, and with q while customers are all alike. A shop with one
price is no shop without a model, so what runs off is held at HELD, and the rest is fitted beside
it. p = 10,000 says that a customer's days differ by 1 % and q that customers do; more would not
move anybody's expected spend by as much. With both held, gamma is such that the population's mean
is the mean that was paid, and a customer's own repeat day counts as much as that: with one price
for all, the expected spend of everybody is that price.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special, stats

from stream_app.core.models.arrays import Floats, Numbers, as_floats
from stream_app.core.models.ascent import Slopes, Top, climb, parameters_of
from stream_app.core.models.gamma_gamma import GammaGamma
from stream_app.core.models.parameters import OF_SPEND

DEPENDENT: Final = 0.30
"""Rank correlation of frequency and spend from which one should not trust the model unseen."""
HELD: Final = (1e4, 1e4 + 1)
"""p and q where they would grow without end."""
_WHY_HELD: Final = (
    "p is held at 10,000: what a customer spends hardly differs from day to day",
    "q is held at 10,001: what is spent hardly differs between customers",
)
_WHY_BOTH_HELD: Final = "p and q are held at 10,000: everybody spends nearly the same"
_STARTS: Final = ((6.0, 4.0, 0.5), (1.0, 2.0, 1.0), (2.0, 10.0, 5.0))


@dataclass(frozen=True)
class SpendFit:
    """A fitted model of spend, or why there is none."""

    model: GammaGamma | None
    log_likelihood: float
    """Of all repeat buyers, in the unit of the money; NaN where there is no model."""
    buyers: int
    """Customers it was fitted on."""
    problem: str | None
    note: str | None = None
    """What was held because there is no spread to learn it from; None where nothing was."""

    @property
    def parameters(self) -> dict[str, float]:
        """By name; empty where there is no model."""
        if self.model is None:
            return {}
        return {name: float(getattr(self.model, name)) for name in OF_SPEND}


def fit_spend(x: Numbers, m: Numbers) -> SpendFit:
    """Fit to mean repeat-day spend `m` over `x` days; customers without either are left out.

    Never fails or warns: nobody, or no mean, are fits with a problem.
    """
    x, m = as_floats(x, m)
    kept = (x > 0) & (m > 0)
    order = np.lexsort((m[kept], x[kept]))  # the same customers in any order add up the same
    x, m = x[kept][order], m[kept][order]
    if len(x) < 2:
        return SpendFit(None, np.nan, len(x), "fewer than two customers have paid on a second day")
    mean = float(m.mean())
    slopes = _slopes(x, m / mean)
    top = climb(slopes, _STARTS)
    problem, note = top.problem(OF_SPEND), None
    p, q, gamma = parameters_of(top)
    if problem is not None or p > HELD[0] or q > HELD[1]:
        held = _held(slopes, top)
        if held is not None:
            (p, q, gamma), note = held
            problem = None
    if problem is None and q <= 1:
        problem = f"q is {q:.3g}, not above 1, so that expected spend has no mean"
    if problem is not None:
        return SpendFit(None, np.nan, len(x), problem)
    model = GammaGamma(p, q, gamma * mean)
    return SpendFit(model, float(model.log_likelihood(x, m).sum()), len(x), None, note)


def _held(slopes: Slopes, free: Top) -> tuple[Sequence[float], str] | None:
    """The likeliest with p or q held, or with both; None where that is not what is amiss.

    It is where the free search ran past them, or got stuck lower. Money is of mean 1, and so is
    that of everybody where both are held.
    """
    tops = []
    for place in range(len(HELD)):
        starts = [[*start[:place], *start[place + 1 :]] for start in _STARTS]
        tops.append(climb(_with_one_held(slopes, place), starts))
    place = 0 if tops[0].height >= tops[1].height else 1
    top, found = tops[place], parameters_of(tops[place])
    past = any(value > most for value, most in zip(parameters_of(free), HELD, strict=False))
    if not past and top.height < free.height:
        return None
    if found[0] > HELD[1 - place]:  # the other of p and q is the first of those left
        return (*HELD, 1.0), _WHY_BOTH_HELD
    found.insert(place, HELD[place])
    return (found, _WHY_HELD[place]) if top.reached else None


def _with_one_held(slopes: Slopes, place: int) -> Slopes:
    """The same likelihood of one parameter less."""

    def of_the_others(at: Floats) -> tuple[float, Floats]:
        height, slope = slopes(np.insert(at, place, np.log(HELD[place])))
        return height, np.delete(slope, place)

    return of_the_others


def _slopes(x: Floats, m: Floats) -> Slopes:
    """The mean log-likelihood; all but the share of gamma in it needs only sums over the buyers.

    In forms that keep their digits where p is large: its factor is then nearly 0.
    """
    size = len(x)
    shapes, of = np.unique(x, return_inverse=True)
    sizes = np.bincount(of) / size
    total = x * m
    log_total, log_m = float(np.log(total).mean()), float(np.log(m).mean())

    def slopes(at: Floats) -> tuple[float, Floats]:
        p, q, gamma = np.exp(at)
        shape = p * shapes
        share = np.log1p(gamma / total)  # ln (gamma + x m) - ln (x m)
        mean_share, own_share = float(share.mean()), float((x * share).mean())
        pull = float(at[2]) - log_total - mean_share  # the mean of ln (gamma / (gamma + x m))
        height = q * pull - p * own_share - log_m
        height += sizes @ _log_rising(shape, q) - special.gammaln(q)
        both = special.digamma(shape + q)
        by_p = sizes @ (shapes * (both - special.digamma(shape))) - own_share
        by_q = sizes @ both - special.digamma(q) + pull
        by_gamma = q / gamma - float(((p * x + q) / (gamma + total)).mean())
        return float(height), np.array((p * by_p, q * by_q, gamma * by_gamma))

    return slopes


def _log_rising(s: Floats, q: float) -> Floats:
    """ln Gamma(s + q) - ln Gamma(s), by Stirling's series where s is so large that the difference
    would have lost its digits (at s = 10^8, of 10,000 orders, all but eight).

    >>> np.exp(_log_rising(np.array([1.0, 30.0]), 2.0)).round(9)
    array([  2., 930.])
    """
    large = np.maximum(s, 20.0)
    rising = (large - 0.5) * np.log1p(q / large) + q * (np.log(large + q) - 1.0)
    rising += _stirling_rest(large + q) - _stirling_rest(large)
    exact: Floats = special.gammaln(s + q) - special.gammaln(s)
    return np.where(s < 20.0, exact, rising)


def _stirling_rest(z: Floats) -> Floats:
    """What ln Gamma has besides (z - 1/2) ln z - z + ln sqrt(2 pi), to 1e-15 from z = 20 on."""
    square = 1.0 / (z * z)
    return (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / z


@dataclass(frozen=True)
class Correlation:
    """Of frequency and mean spend among those who have both; None where one never varies."""

    pearson: float | None
    spearman: float | None
    customers: int

    @property
    def warning(self) -> str | None:
        """What is doubtful about spend that was fitted in spite of it; None where nothing is."""
        if self.spearman is None or abs(self.spearman) < DEPENDENT:
            return None
        more = "more" if self.spearman > 0 else "less"
        return (
            f"who buys more often spends {more} a day (Spearman {self.spearman:+.2f}, from"
            f" {DEPENDENT:.2f} on it matters), which Gamma-Gamma takes not to be so"
        )


def correlation(x: Numbers, m: Numbers) -> Correlation:
    """Of x and m where both are above 0.

    >>> correlation([1, 2, 3], [30.0, 10.0, 20.0])
    Correlation(pearson=-0.5, spearman=-0.5, customers=3)
    """
    x, m = as_floats(x, m)
    kept = (x > 0) & (m > 0)
    x, m = x[kept], m[kept]
    ranks = stats.rankdata(x), stats.rankdata(m)
    return Correlation(_pearson(x, m), _pearson(*ranks), len(x))


def _pearson(one: Floats, other: Floats) -> float | None:
    if not len(one) or one.min() == one.max() or other.min() == other.max():
        return None
    one, other = one - one.mean(), other - other.mean()
    return round(float(one @ other / np.sqrt((one @ one) * (other @ other))), 12)
