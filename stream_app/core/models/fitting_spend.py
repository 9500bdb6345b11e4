"""Maximum likelihood for Gamma-Gamma, and a look at what it takes for granted.

The model holds that what customers spend does not depend on how often they buy. The correlation of
frequency and mean spend says how far that is from true (Fader and Hardie, note 025, section 5).
Money is rescaled inside to a mean of 1, so that cents and dollars are the same to the search.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special, stats

from stream_app.core.models.arrays import Floats, Numbers, as_floats
from stream_app.core.models.ascent import Slopes, climb, parameters_of
from stream_app.core.models.gamma_gamma import GammaGamma
from stream_app.core.models.parameters import OF_SPEND

DEPENDENT: Final = 0.30
"""Rank correlation of frequency and spend from which one should not trust the model unseen."""
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

    @property
    def parameters(self) -> dict[str, float]:
        """By name; empty where there is no model."""
        if self.model is None:
            return {}
        return {name: float(getattr(self.model, name)) for name in OF_SPEND}


def fit_spend(x: Numbers, m: Numbers) -> SpendFit:
    """Fit to mean repeat-day spend `m` over `x` days; customers without either are left out.

    Never fails or warns: nobody, or everybody alike, are fits with a problem.
    """
    x, m = as_floats(x, m)
    kept = (x > 0) & (m > 0)
    order = np.lexsort((m[kept], x[kept]))  # the same customers in any order add up the same
    x, m = x[kept][order], m[kept][order]
    if len(x) < 2:
        return SpendFit(None, np.nan, len(x), "fewer than two customers have paid on a second day")
    mean = float(m.mean())
    top = climb(_slopes(x, m / mean), _STARTS)
    problem = top.problem(OF_SPEND)
    if problem is None:
        p, q, gamma = parameters_of(top)
        if q > 1:
            model = GammaGamma(p, q, gamma * mean)
            return SpendFit(model, float(model.log_likelihood(x, m).sum()), len(x), None)
        problem = f"q is {q:.3g}, not above 1, so that expected spend has no mean"
    return SpendFit(None, np.nan, len(x), problem)


def _slopes(x: Floats, m: Floats) -> Slopes:
    """The mean log-likelihood; all but the last term of it needs only sums over the buyers."""
    size = len(x)
    shapes, of = np.unique(x, return_inverse=True)
    sizes = np.bincount(of) / size
    by_log_p = float((x * np.log(x * m)).mean())
    fixed = float(np.log(m).mean())
    total = x * m

    def slopes(at: Floats) -> tuple[float, Floats]:
        p, q, gamma = np.exp(at)
        shape, k = p * shapes, p * x + q
        logs = np.log(gamma + total)
        height = sizes @ (special.gammaln(shape + q) - special.gammaln(shape))
        height += q * np.log(gamma) - special.gammaln(q) + p * by_log_p - fixed
        height -= float((k * logs).mean())
        both = special.digamma(shape + q)
        by_p = sizes @ (shapes * (both - special.digamma(shape)))
        by_p += by_log_p - float((x * logs).mean())
        by_q = sizes @ both - special.digamma(q) + np.log(gamma) - float(logs.mean())
        by_gamma = q / gamma - float((k / (gamma + total)).mean())
        return float(height), np.array((p * by_p, q * by_q, gamma * by_gamma))

    return slopes


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
