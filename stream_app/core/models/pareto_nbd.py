"""Pareto/NBD: purchases at a gamma rate until death, which comes at a gamma rate of its own.

The oldest of the three. P(alive) is an integral here: the textbook 2F1 overflows from x of a
few hundred. Write O for the odds of having died in the silence (equation A14 as an integral),

    O = int over u in [t_x, T] of s/(beta+u) ((beta+T)/(beta+u))^s ((alpha+T)/(alpha+u))^k du

with k = r + x; then P(alive) = 1 / (1 + O). In v = ln(m + u), m the lesser of alpha and beta,
the integrand is smooth at every scale; it is followed until it has fallen to e^-40, and 40
Gauss-Legendre nodes on that stretch give ten digits and more, also at x = 10,000.

Chance and date of the next purchase have no closed form either. A living customer buys within t
weeks with chance (the purchase must come before death)

    integral over u in [T, T+t] of k/(alpha+u) ((alpha+T)/(alpha+u))^k ((beta+T)/(beta+u))^s du

Weeks in, weeks out. `next_purchase` and `age_at` are solved by iteration.

References
----------
D. C. Schmittlein, D. G. Morrison, R. Colombo (1987), "Counting your customers: who are they and
what will they do next?", Management Science 33(1), 1-24.
P. S. Fader, B. G. S. Hardie (2005), "A note on deriving the Pareto/NBD model and related
expressions", note 009, http://www.brucehardie.com/notes/009/
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from stream_app.core.models.arrays import Floats, Numbers, as_floats

# A density fallen to e^-40 of its start adds nothing that a double would show.
DECAY = 40.0
# Weeks beyond which nothing is dated: about 1,900 years.
FAR = 1e5
TINY = 1e-12
NEWTON = 60
_NODES, _WEIGHTS = (half / 2 for half in special.roots_legendre(40))
_NODES = _NODES + 0.5


@dataclass(frozen=True, slots=True)
class ParetoNbd:
    """Gamma(r, alpha) purchases a week, Gamma(s, beta) deaths a week.

    >>> model = ParetoNbd(r=0.553, alpha=10.578, s=0.606, beta=11.669)
    >>> round(float(model.p_alive(x=2, t_x=30.43, T=38.86)), 4)
    0.8692
    """

    r: float
    alpha: float
    s: float
    beta: float

    def log_likelihood(self, x: Numbers, t_x: Numbers, T: Numbers) -> Floats:
        """Log-likelihood of each customer (note 009, equation 15), natural logs."""
        x, t_x, T = as_floats(x, t_x, T)
        k = self.r + x
        rate: Floats = special.gammaln(k) - special.gammaln(self.r) + self.r * np.log(self.alpha)
        alive = self.s * np.log(self.beta / (self.beta + T)) - k * np.log(self.alpha + T)
        return rate + alive + np.logaddexp(0.0, self.log_death_odds(x, t_x, T))

    def log_likelihood_with_slopes(
        self, x: Numbers, t_x: Numbers, T: Numbers
    ) -> tuple[Floats, Floats]:
        """The same, and its derivatives by ln r, ln alpha, ln s and ln beta, stacked.

        They are means of those of the integrand, over when the customer may have died.
        """
        x, t_x, T = np.broadcast_arrays(*as_floats(x, t_x, T))
        k, alpha, beta = self.r + x, self.alpha + t_x, self.beta + t_x
        u, du = self._nodes(k, alpha, beta, T - t_x)
        fall = self._log_fall(k[..., None], alpha[..., None], beta[..., None], u)
        at_alpha, at_beta = alpha[..., None] + u, beta[..., None] + u
        dying = np.exp(-fall) / at_beta * du
        total = _integral(dying)
        some = total > 0
        total = np.where(some, total, 1.0)
        odds = np.log(self.s * total) + self._log_fall(k, alpha, beta, T - t_x)
        odds = np.where(some, odds, -np.inf)
        dead: Floats = special.expit(odds)

        def mean(of_living: Floats, of_dying: Floats) -> Floats:
            return of_living + dead * (_integral(dying * of_dying) / total - of_living)

        log_alpha, log_beta = np.log(self.alpha + T), np.log(self.beta + T)
        rate: Floats = special.gammaln(k) - special.gammaln(self.r) + self.r * np.log(self.alpha)
        alive = self.s * (np.log(self.beta) - log_beta) - k * log_alpha
        by_r = special.digamma(k) - special.digamma(self.r) + np.log(self.alpha)
        by_r = by_r - mean(log_alpha, np.log(at_alpha))
        by_alpha = self.r / self.alpha - k * mean(1.0 / (self.alpha + T), 1.0 / at_alpha)
        by_s = np.log(self.beta) - mean(log_beta, np.log(at_beta)) + dead / self.s
        by_beta = self.s / self.beta - mean(self.s / (self.beta + T), (self.s + 1.0) / at_beta)
        slopes = (self.r * by_r, self.alpha * by_alpha, self.s * by_s, self.beta * by_beta)
        return rate + alive + np.logaddexp(0.0, odds), np.stack(slopes)

    def p_alive(self, x: Numbers, t_x: Numbers, T: Numbers) -> Floats:
        """Chance that the customer has not died; 1 at T = t_x."""
        chance: Floats = special.expit(-self.log_death_odds(x, t_x, T))
        return chance

    def log_death_odds(self, x: Numbers, t_x: Numbers, T: Numbers) -> Floats:
        """ln O; -inf where T = t_x."""
        x, t_x, T = np.broadcast_arrays(*as_floats(x, t_x, T))
        return self._log_death_odds(self.r + x, self.alpha + t_x, self.beta + t_x, T - t_x)

    def expected_purchases(self, t: Numbers, x: Numbers, t_x: Numbers, T: Numbers) -> Floats:
        """Expected purchase days in the next `t` weeks (note 009, equation 41)."""
        return self.p_alive(x, t_x, T) * self.expected_while_alive(t, x, T)

    def expected_while_alive(self, t: Numbers, x: Numbers, T: Numbers) -> Floats:
        """The same of a customer known to be alive; s = 1 is a removable singularity."""
        t, x, T = as_floats(t, x, T)
        remaining = np.log1p(t / (self.beta + T))
        if self.s == 1.0:
            lifetime = remaining
        else:
            lifetime = -np.expm1((1.0 - self.s) * remaining) / (self.s - 1.0)
        return (self.r + x) * (self.beta + T) / (self.alpha + T) * lifetime

    def p_buy(self, t: Numbers, x: Numbers, t_x: Numbers, T: Numbers) -> Floats:
        """Chance of at least one purchase in the next `t` weeks."""
        return self.p_alive(x, t_x, T) * self.p_buy_while_alive(t, x, T)

    def p_buy_while_alive(self, t: Numbers, x: Numbers, T: Numbers) -> Floats:
        """The same of a customer known to be alive: the purchase must come before death."""
        t, x, T = np.broadcast_arrays(*as_floats(t, x, T))
        k, alpha, beta = self.r + x, self.alpha + T, self.beta + T
        u, du = self._nodes(k, alpha, beta, t)
        fall = self._log_fall(k[..., None], alpha[..., None], beta[..., None], u)
        return k * _integral(np.exp(-fall) / (alpha[..., None] + u) * du)

    def next_purchase(self, q: float, x: Numbers, T: Numbers, p_alive: Numbers) -> Floats:
        """Weeks from T until the next purchase has come with chance `q`; inf: not expected.

        Newton's method in y, the chance that an immortal customer has bought by then. From 0 the
        steps never pass the root, because death makes the chance grow ever more slowly in y.
        """
        x, T, p_alive = np.broadcast_arrays(*as_floats(x, T, p_alive))
        k, alpha, beta = self.r + x, self.alpha + T, self.beta + T
        likely = p_alive > q
        wanted = np.where(likely, q / np.where(likely, p_alive, 1.0), 1.0)
        due = self.p_buy_while_alive(FAR, x, T) > wanted
        t, solved = np.zeros_like(T), ~due
        for _ in range(NEWTON):
            missing = np.where(solved, 0.0, wanted - self.p_buy_while_alive(t, x, T))
            silence = k * np.log1p(t / alpha)
            step = missing * np.exp(self.s * np.log1p(t / beta))
            silence = silence - np.log1p(-np.minimum(step * np.exp(silence), 1.0 - TINY))
            nearer = np.minimum(alpha * np.expm1(np.minimum(silence / k, 600.0)), FAR)
            t = np.where(solved, t, nearer)  # a customer's date must not depend on the others'
            solved |= np.abs(missing) < TINY
            if solved.all():
                break
        return np.where(due, t, np.inf)

    def age_at(self, theta: float, x: Numbers, t_x: Numbers) -> Floats:
        """T*: age in weeks at which P(alive) falls to `theta` in silence; inf: never.

        Newton's method for ln O in the log of the silence, where it is convex and rising: after
        one step it stays right of the root. dO/dT = s/(beta+T) + O (s/(beta+T) + k/(alpha+T)).
        """
        x, t_x = np.broadcast_arrays(*as_floats(x, t_x))
        k, alpha, beta = self.r + x, self.alpha + t_x, self.beta + t_x
        wanted = np.log1p(-theta) - np.log(theta)
        never = self._log_death_odds(k, alpha, beta, np.full_like(t_x, FAR)) < wanted
        log_idle = np.minimum(np.log(beta) + wanted - np.log(self.s), np.log(FAR))
        solved = np.array(never)
        for _ in range(NEWTON):
            idle = np.exp(log_idle)
            log_odds = self._log_death_odds(k, alpha, beta, idle)
            dying = self.s / (beta + idle)
            slope = dying * np.exp(-log_odds) + dying + k / (alpha + idle)
            step = (log_odds - wanted) / (slope * idle)
            log_idle = np.where(solved, log_idle, np.minimum(log_idle - step, np.log(FAR)))
            solved |= np.abs(step) < TINY
            if solved.all():
                break
        return np.where(never, np.inf, t_x + np.exp(log_idle))

    def _log_death_odds(self, k: Floats, alpha: Floats, beta: Floats, idle: Floats) -> Floats:
        """ln O after `idle` weeks; alpha and beta counted from the last purchase."""
        u, du = self._nodes(k, alpha, beta, idle)
        fall = self._log_fall(k[..., None], alpha[..., None], beta[..., None], u)
        dying = _integral(np.exp(-fall) * self.s / (beta[..., None] + u) * du)
        some = dying > 0
        odds = np.log(np.where(some, dying, 1.0)) + self._log_fall(k, alpha, beta, idle)
        return np.where(some, odds, -np.inf)

    def _log_fall(self, k: Floats, alpha: Floats, beta: Floats, u: Floats) -> Floats:
        """Minus the log chance of neither buying nor dying for `u` weeks."""
        return k * np.log1p(u / alpha) + self.s * np.log1p(u / beta)

    def _nodes(self, k: Floats, alpha: Floats, beta: Floats, end: Floats) -> tuple[Floats, Floats]:
        """Nodes u of an integral over [0, end] weeks, an axis more, and du over their weights.

        Equal in v = ln(1 + u / m), m = min(alpha, beta), on the stretch where the density lives.
        The fall is convex in v and starts at `slope`, so DECAY / slope is past the edge of that
        stretch, and Newton's steps come back towards it without passing it.
        """
        m = np.minimum(alpha, beta)
        v = np.minimum(np.log1p(end / m), DECAY * alpha / (k * m))
        for _ in range(4):
            u = m * np.expm1(v)
            slope = (m + u) * (k / (alpha + u) + self.s / (beta + u))
            v = v - np.maximum(self._log_fall(k, alpha, beta, u) - DECAY, 0.0) / slope
        grid = v[..., None] * _NODES
        return m[..., None] * np.expm1(grid), (m * v)[..., None] * np.exp(grid)


def _integral(values: Floats) -> Floats:
    """Of what was taken at the nodes. A sum by row, whose rounding does not depend on the rows
    beside it as that of a matrix product does."""
    total: Floats = (values * _WEIGHTS).sum(axis=-1)
    return total
