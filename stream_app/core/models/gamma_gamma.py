"""Gamma-Gamma: what a customer spends on a purchase day, shrunk towards what customers spend.

Day sums are Gamma(p, v) within a customer, v is Gamma(q, gamma) over customers, and spend is
independent of how often one buys (check the correlation of x and m before believing it).
Money is in major units (dollars, not cents): gamma carries that unit.

References
----------
P. S. Fader, B. G. S. Hardie (2013), "The Gamma-Gamma model of monetary value", note 025,
http://www.brucehardie.com/notes/025/ ; equations 1a and 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from stream_app.core.models.arrays import Floats, Numbers, as_floats


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """p, q > 1 (else the population has no mean) and gamma, in major units.

    >>> GammaGamma(p=6.25, q=3.74, gamma=15.44).population_mean()
    35.21897810218978
    """

    p: float
    q: float
    gamma: float

    def log_likelihood(self, x: Numbers, m: Numbers) -> Floats:
        """Log-likelihood of mean repeat-day spend `m` over `x` days (equation 1a); x, m > 0."""
        x, m = as_floats(x, m)
        shape = self.p * x
        total: Floats = special.gammaln(shape + self.q) - special.gammaln(shape)
        total = total - special.gammaln(self.q) + self.q * np.log(self.gamma)
        spend = (shape - 1.0) * np.log(m) + shape * np.log(x)
        return total + spend - (shape + self.q) * np.log(self.gamma + m * x)

    def expected_spend(self, x: Numbers, m: Numbers) -> Floats:
        """Expected spend on a coming purchase day (equation 5).

        The population mean where there is nothing to learn from: x = 0 or m <= 0.
        """
        x, m = as_floats(x, m)
        known = (x > 0) & (m > 0)
        days = np.where(known, x, 0.0)
        spent = np.where(known, x * m, 0.0)
        return self.p * (self.gamma + spent) / (self.p * days + self.q - 1.0)

    def population_mean(self) -> float:
        """Expected spend of a customer without a repeat purchase."""
        return self.p * self.gamma / (self.q - 1.0)
