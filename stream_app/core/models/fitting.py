"""Maximum likelihood for MBG/NBD, BG/NBD and Pareto/NBD.

Time is rescaled inside, so that the oldest customer is of age 1 and days or weeks are all the same
to the search; parameters and likelihood come out in the unit that went in. A fit that has no top
is a value with a reason, never a number that looks like one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from stream_app.core.models.arrays import Floats
from stream_app.core.models.ascent import Slopes, Top, climb, climb_on, parameters_of
from stream_app.core.models.bg_nbd import BgNbd
from stream_app.core.models.counts import Counts, Population
from stream_app.core.models.mbg_nbd import MbgNbd
from stream_app.core.models.parameters import OF_KIND, Kind
from stream_app.core.models.pareto_nbd import ParetoNbd
from stream_app.core.models.purchase_model import PurchaseModel

FINEST: Final[dict[Kind, int]] = {"mbg": 400_000, "bg": 400_000, "pareto": 60_000}
"""Distinct histories up to which a fit takes them as they are; more are counted by weeks, or wider.
Pareto/NBD takes 40 nodes a row. By weeks r moves by 0.3 %, less than its standard error there."""
COARSEST: Final = 400
MIDDLE: Final = 8_000
"""Distinct histories on which the starts compete, and on which the best of them goes on."""
_AT_ONCE: Final = 20_000
"""Rows whose likelihood is computed in one piece: Pareto/NBD takes 40 nodes a row."""

_STARTS: Final[dict[Kind, tuple[tuple[float, ...], ...]]] = {
    "mbg": ((0.5, 0.3, 0.7, 1.5), (1.0, 1.0, 1.0, 1.0), (2.0, 0.2, 2.0, 8.0)),
    "bg": ((0.3, 0.2, 0.7, 2.5), (1.0, 1.0, 1.0, 1.0), (2.0, 0.2, 2.0, 8.0)),
    "pareto": ((0.5, 0.3, 0.6, 0.3), (1.0, 1.0, 1.0, 1.0), (2.0, 0.2, 0.3, 1.0)),
}
"""Parameters to begin at, for ages up to 1: much, some and little spread between customers."""


@dataclass(frozen=True)
class BuyingFit:
    """A fitted model of buying, or why there is none."""

    kind: Kind
    model: PurchaseModel | None
    log_likelihood: float
    """Of all customers, in the unit of the counts; NaN where there is no model."""
    slope: float
    """Largest derivative of the mean log-likelihood by a log-parameter; NaN likewise."""
    problem: str | None
    """Why there is no model; None where there is."""

    @property
    def parameters(self) -> dict[str, float]:
        """By name; empty where there is no model."""
        if self.model is None:
            return {}
        return {name: float(getattr(self.model, name)) for name in OF_KIND[self.kind]}


def buying_model(kind: Kind, parameters: Sequence[float]) -> PurchaseModel:
    """The model of a kind with its four parameters."""
    if kind == "mbg":
        return MbgNbd(*parameters)
    return BgNbd(*parameters) if kind == "bg" else ParetoNbd(*parameters)


def fit_buying(kind: Kind, population: Population) -> BuyingFit:
    """Fit one model to customers who have bought, in the population's unit of time.

    Never fails or warns: no customer, no repeat buyer, nobody of any age are fits with a problem.
    """
    exact = population.exact
    problem = _unfittable(exact)
    if problem is not None:
        return BuyingFit(kind, None, np.nan, np.nan, problem)
    age = float(exact.T.max())
    top = _top(kind, population, age)
    problem = top.problem(OF_KIND[kind])
    if problem is not None:
        return BuyingFit(kind, None, np.nan, top.slope, problem)
    model = buying_model(kind, _in_units(kind, parameters_of(top), age))
    return BuyingFit(kind, model, log_likelihood(model, exact), top.slope, None)


def log_likelihood(model: PurchaseModel, counts: Counts) -> float:
    """Of all customers together."""
    total = 0.0
    for start in range(0, len(counts), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        each = model.log_likelihood(counts.x[part], counts.t_x[part], counts.T[part])
        total += float((counts.customers[part] * each).sum())
    return total


def _unfittable(counts: Counts) -> str | None:
    if not len(counts):
        return "nobody has bought"
    if not counts.x.any():
        return "nobody has bought on a second day"
    if not counts.T.any():
        return "nobody has bought before the last day"
    return None


def _top(kind: Kind, population: Population, age: float) -> Top:
    """Climb on coarse counts from every start, then on finer ones from where that ended."""
    starts = _STARTS[kind]
    for rows in (COARSEST, MIDDLE):
        counts = population.of_size(rows)
        top = climb(_slopes(kind, counts, age), starts)
        if top.reached:
            starts = (tuple(parameters_of(top)),)
    finest = population.of_size(FINEST[kind])
    return top if finest is counts else climb_on(_slopes(kind, finest, age), top)


def _slopes(kind: Kind, counts: Counts, age: float) -> Slopes:
    """The mean log-likelihood of ages up to 1."""
    x, t_x, T = counts.x, counts.t_x / age, counts.T / age
    share = counts.customers / counts.total

    def slopes(at: Floats) -> tuple[float, Floats]:
        model = buying_model(kind, np.exp(at).tolist())
        height, slope = model.log_likelihood_with_slopes(x, t_x, T)
        return float((share * height).sum()), (share * slope).sum(axis=1)

    return slopes


def _in_units(kind: Kind, found: Sequence[float], age: float) -> list[float]:
    """Scales are times; shapes have no unit."""
    scales = {"alpha", "beta"}
    return [
        value * age if name in scales else value
        for name, value in zip(OF_KIND[kind], found, strict=True)
    ]
