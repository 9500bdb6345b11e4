"""Everything that one fit says of a population: three models of buying, spend, and what stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from stream_app.core.models.arrays import Floats
from stream_app.core.models.counts import Population
from stream_app.core.models.fitting import BuyingFit, fit_buying
from stream_app.core.models.fitting_spend import Correlation, SpendFit, correlation, fit_spend
from stream_app.core.models.parameters import KINDS, Kind
from stream_app.core.models.statistics import Statistics
from stream_app.core.money import EXPONENTS


@dataclass(frozen=True)
class Inputs:
    """What the models see of the customers who have bought by a day."""

    buyers: Statistics
    """Of those alone, who have bought by then."""
    x: Floats
    t_x_days: Floats
    T_days: Floats
    monetary: Floats
    """Mean repeat-day spend, major units; 0 at x = 0."""

    @property
    def weeks(self) -> tuple[Floats, Floats, Floats]:
        """x, t_x and T as the models of buying take them."""
        return self.x, self.t_x_days / 7.0, self.T_days / 7.0


def inputs(statistics: Statistics, as_of_day: int, currency: str) -> Inputs:
    """Of statistics that end with `as_of_day`."""
    buyers = statistics.of(statistics.purchase_days > 0)
    x = (buyers.purchase_days - 1).astype(np.float64)
    repeat = buyers.repeat_gross_minor.astype(np.float64) / 10.0 ** EXPONENTS[currency]
    return Inputs(
        buyers,
        x,
        (buyers.last_day - buyers.first_day).astype(np.float64),
        (as_of_day - buyers.first_day).astype(np.float64),
        repeat / np.maximum(x, 1.0),
    )


@dataclass(frozen=True)
class Fitted:
    """The fits, good or not, and what the money was like."""

    buying: dict[Kind, BuyingFit]
    spend: SpendFit
    correlation: Correlation
    net_ratio: float
    """Share of gross that was left after refunds, 0-1."""

    def problem(self, kind: Kind) -> str | None:
        """Why there is no whole model of this kind; None where there is."""
        if self.buying[kind].problem is not None:
            return f"{kind}: {self.buying[kind].problem}"
        return f"Gamma-Gamma: {self.spend.problem}" if self.spend.problem else None

    def best(self) -> Kind | None:
        """MBG/NBD, or where it has no fit the one of the greatest likelihood; None without any."""
        usable = [kind for kind in self.buying if self.problem(kind) is None]
        if "mbg" in usable:
            return "mbg"
        return max(usable, key=lambda kind: self.buying[kind].log_likelihood, default=None)


def fit(seen: Inputs, kinds: Sequence[Kind] = KINDS) -> Fitted:
    """Fit the models of buying, and spend; never fails.

    Spend is learnt from customers all of whose money is known.
    """
    population = Population(seen.x, seen.t_x_days, seen.T_days)
    known = ~seen.buyers.unconverted
    x, m = seen.x[known], seen.monetary[known]
    return Fitted(
        {kind: fit_buying(kind, population) for kind in kinds},
        fit_spend(x, m),
        correlation(x, m),
        net_ratio(seen.buyers),
    )


def net_ratio(statistics: Statistics) -> float:
    """Share of the population's gross that is left after its refunds; 1 where there is no gross."""
    gross = float(statistics.gross_minor.astype(np.float64).sum())
    refunds = float(statistics.refunds_minor.astype(np.float64).sum())
    if gross <= 0 or not isfinite(gross) or not isfinite(refunds):
        return 1.0
    return min(1.0, max(0.0, 1.0 - refunds / gross))
