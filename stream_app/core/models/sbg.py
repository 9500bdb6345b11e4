"""Shifted-beta-geometric: how many members of a subscription renew, and for how long.

Each member leaves at a renewal with a chance that is Beta(alpha, beta) over members; retention
rises with tenure because those likely to leave have left.

References
----------
P. S. Fader, B. G. S. Hardie (2007), "How to project customer retention", Journal of Interactive
Marketing 21(1), 76-90; equations 5-7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from stream_app.core.models.arrays import Floats, Numbers, as_floats


@dataclass(frozen=True, slots=True)
class Sbg:
    """Beta(alpha, beta) chances to leave at a renewal.

    >>> [round(float(s), 3) for s in Sbg(alpha=0.668, beta=3.806).survival([0, 1, 2, 7])]
    [1.0, 0.851, 0.747, 0.489]
    """

    alpha: float
    beta: float

    def survival(self, t: Numbers) -> Floats:
        """S(t): share of members still there after `t` renewals."""
        (t,) = as_floats(t)
        log_share: Floats = special.betaln(self.alpha, self.beta + t)
        share: Floats = np.exp(log_share - special.betaln(self.alpha, self.beta))
        return share

    def retention(self, t: Numbers) -> Floats:
        """r_t: share of those there before renewal `t` (1, 2, ...) who are there after it."""
        (t,) = as_floats(t)
        return (self.beta + t - 1.0) / (self.alpha + self.beta + t - 1.0)

    def survival_given(self, T: Numbers, t: Numbers) -> Floats:
        """S(T + t) / S(T): the same for a member who has renewed `T` times already."""
        T, t = as_floats(T, t)
        log_share: Floats = special.betaln(self.alpha, self.beta + T + t)
        share: Floats = np.exp(log_share - special.betaln(self.alpha, self.beta + T))
        return share

    def log_likelihood(self, survivors: Numbers) -> float:
        """Of the members left after 0, 1, 2, ... renewals (equation B3 of the paper).

        Those who left at each renewal, and those who had not left when the record ends.
        """
        (left,) = as_floats(survivors)
        renewals = np.arange(1, left.size, dtype=np.float64)
        at_stake: Floats = special.betaln(self.alpha, self.beta)
        leaving: Floats = special.betaln(self.alpha + 1.0, self.beta + renewals - 1.0) - at_stake
        staying: Floats = special.betaln(self.alpha, self.beta + renewals[-1]) - at_stake
        return float(-np.diff(left) @ leaving + left[-1] * staying)
