"""What BG/NBD and MBG/NBD share: purchases at a gamma rate, until a beta coin says stop.

While alive, a customer buys as a Poisson process whose rate is Gamma(r, alpha) over customers; a
coin tossed after purchases ends it, with a chance that is Beta(a, b) over customers. Having seen
x repeat purchases the rate is Gamma(k, alpha + T) and the coin Beta(a, c). The papers differ in
which purchases toss the coin, so in c and in the odds that the last purchase was the final one;
given those two, likelihood and predictions are the same formulas and stand here.

    x    frequency: purchase days less one              k    r + x
    t_x  recency: first to last purchase day, weeks     c    b + coins that came up "go on"
    T    age: first purchase day to as_of, weeks        t    horizon, weeks

Everything is vectorised, weeks in and weeks out, and finite to x = 10,000: a chance below the
smallest double is 0.0, without a warning.

References
----------
P. S. Fader, B. G. S. Hardie, K. L. Lee (2005), "Counting your customers the easy way: an
alternative to the Pareto/NBD model", Marketing Science 24(2), 275-284.
P. S. Fader, B. G. S. Hardie, K. L. Lee (2008), "Computing P(alive) using the BG/NBD model".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy import special

from stream_app.core.models.arrays import Floats, Numbers, as_floats
from stream_app.core.models.beta_geometric_expectation import expected_purchases_while_alive

# A wait of e^600 weeks is "never" in any calendar, and still a double when multiplied.
LARGEST_EXPONENT = 600.0


@dataclass(frozen=True, slots=True)
class BetaGeometric(ABC):
    """Parameters of a population: r, alpha (weeks) of the rates, a, b of the coins."""

    r: float
    alpha: float
    a: float
    b: float

    @abstractmethod
    def coin_shape(self, x: Floats) -> Floats:
        """c: the second shape of the coin's posterior, given x repeat purchases."""

    @abstractmethod
    def log_stop(self, x: Floats) -> Floats:
        """Log odds that the last purchase was the final one, before any silence; -inf: never."""

    def log_likelihood(self, x: Numbers, t_x: Numbers, T: Numbers) -> Floats:
        """Log-likelihood of each customer (2005, equation 6), natural logs."""
        x, t_x, T = as_floats(x, t_x, T)
        k = self.r + x
        rate: Floats = special.gammaln(k) - special.gammaln(self.r) + self.r * np.log(self.alpha)
        coin: Floats = special.betaln(self.a, self.coin_shape(x)) - special.betaln(self.a, self.b)
        alive = -k * np.log(self.alpha + T)
        stopped = self.log_stop(x) - k * np.log(self.alpha + t_x)
        return rate + coin + np.logaddexp(alive, stopped)

    def log_likelihood_with_slopes(
        self, x: Numbers, t_x: Numbers, T: Numbers
    ) -> tuple[Floats, Floats]:
        """The same, and its derivatives by ln r, ln alpha, ln a and ln b, stacked.

        Of the two ways in which a history can have ended, `stopped` is the chance of the second.
        """
        x, t_x, T = as_floats(x, t_x, T)
        k, c = self.r + x, self.coin_shape(x)
        stopped = 1.0 - self.p_alive(x, t_x, T)
        since = (1.0 - stopped) * np.log(self.alpha + T) + stopped * np.log(self.alpha + t_x)
        pace = (1.0 - stopped) / (self.alpha + T) + stopped / (self.alpha + t_x)
        both = special.digamma(self.a + c)
        by_r = special.digamma(k) - special.digamma(self.r) + np.log(self.alpha) - since
        by_a = special.digamma(self.a + self.b) - both + stopped / self.a
        by_b = special.digamma(c) - special.digamma(self.b) - both
        by_b = by_b + special.digamma(self.a + self.b)
        by_b = by_b - np.where(stopped > 0, stopped * np.exp(self.log_stop(x)) / self.a, 0.0)
        by_alpha = self.r / self.alpha - k * pace
        slopes = (self.r * by_r, self.alpha * by_alpha, self.a * by_a, self.b * by_b)
        return self.log_likelihood(x, t_x, T), np.stack(slopes)

    def p_alive(self, x: Numbers, t_x: Numbers, T: Numbers) -> Floats:
        """Chance that the customer has not stopped (2008, equation 1)."""
        x, t_x, T = as_floats(x, t_x, T)
        silence = (self.r + x) * np.log1p((T - t_x) / (self.alpha + t_x))
        chance: Floats = special.expit(-self.log_stop(x) - silence)
        return chance

    def expected_purchases(self, t: Numbers, x: Numbers, t_x: Numbers, T: Numbers) -> Floats:
        """Expected purchase days in the next `t` weeks (2005, equation 10)."""
        return self.p_alive(x, t_x, T) * self.expected_while_alive(t, x, T)

    def expected_while_alive(self, t: Numbers, x: Numbers, T: Numbers) -> Floats:
        """The same of a customer known to be alive."""
        t, x, T = as_floats(t, x, T)
        horizon = t / (self.alpha + T)
        return expected_purchases_while_alive(self.a, self.coin_shape(x), self.r + x, horizon)

    def p_buy(self, t: Numbers, x: Numbers, t_x: Numbers, T: Numbers) -> Floats:
        """Chance of at least one purchase in the next `t` weeks."""
        return self.p_alive(x, t_x, T) * self.p_buy_while_alive(t, x, T)

    def p_buy_while_alive(self, t: Numbers, x: Numbers, T: Numbers) -> Floats:
        """The same of a customer known to be alive: no coin is tossed before a purchase."""
        t, x, T = as_floats(t, x, T)
        return -np.expm1(-(self.r + x) * np.log1p(t / (self.alpha + T)))

    def next_purchase(self, q: float, x: Numbers, T: Numbers, p_alive: Numbers) -> Floats:
        """Weeks from T until the next purchase has come with chance `q`; inf: not expected.

        The chance of ever buying again is P(alive): a quantile at or above it has no date.
        """
        x, T, p_alive = as_floats(x, T, p_alive)
        due = p_alive > q
        share = np.where(due, q / np.where(due, p_alive, 1.0), 0.0)
        exponent = -np.log1p(-share) / (self.r + x)
        weeks = (self.alpha + T) * np.expm1(np.minimum(exponent, LARGEST_EXPONENT))
        return np.where(due & (exponent < LARGEST_EXPONENT), weeks, np.inf)

    def age_at(self, theta: float, x: Numbers, t_x: Numbers) -> Floats:
        """T*: age in weeks at which P(alive) falls to `theta` in silence; inf: never.

        P(alive) solved for T. Below t_x where it was under `theta` from the start.
        """
        x, t_x = as_floats(x, t_x)
        needed = np.log1p(-theta) - np.log(theta) - self.log_stop(x)
        exponent = needed / (self.r + x)
        silence = (self.alpha + t_x) * np.expm1(np.minimum(exponent, LARGEST_EXPONENT))
        return np.where(exponent < LARGEST_EXPONENT, t_x + silence, np.inf)
