"""BG/NBD: a customer may stop after each repeat purchase, never before the first of them.

One-time buyers stay alive for ever (P(alive) = 1 at x = 0), which hides their churn; `mbg_nbd`
is the default for that reason.

References
----------
P. S. Fader, B. G. S. Hardie, K. L. Lee (2005), "Counting your customers the easy way: an
alternative to the Pareto/NBD model", Marketing Science 24(2), 275-284.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream_app.core.models.arrays import Floats
from stream_app.core.models.beta_geometric import BetaGeometric


@dataclass(frozen=True, slots=True)
class BgNbd(BetaGeometric):
    """Gamma(r, alpha) purchases a week, a Beta(a, b) chance to stop after a repeat purchase.

    >>> model = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> round(float(model.p_alive(x=2, t_x=30.43, T=38.86)), 4)
    0.7266
    """

    def coin_shape(self, x: Floats) -> Floats:
        """b + x: the first purchase tosses no coin."""
        return self.b + x

    def log_stop(self, x: Floats) -> Floats:
        """ln(a / (b + x - 1)); -inf at x = 0, where no coin has been tossed."""
        repeated = x > 0
        odds = np.log(self.a / (self.b + np.where(repeated, x, 1.0) - 1.0))
        return np.where(repeated, odds, -np.inf)
