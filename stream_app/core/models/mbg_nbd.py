"""MBG/NBD: the BG/NBD in which the first purchase, too, can be the last. The default model.

Every purchase tosses the coin, the first included, so that one-time buyers can have left: of
the three models the one whose P(alive) falls for all, in closed form throughout.

References
----------
E. P. Batislam, M. Denizel, A. Filiztekin (2007), "Empirical validation and comparison of models
for customer base analysis", International Journal of Research in Marketing 24(3), 201-209.
D. Hoppe, U. Wagner (2007), "Customer base analysis: the case for a central variant of the
betageometric/NBD model", Marketing - Journal of Research and Management 3(2), 75-90.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream_app.core.models.arrays import Floats
from stream_app.core.models.beta_geometric import BetaGeometric


@dataclass(frozen=True, slots=True)
class MbgNbd(BetaGeometric):
    """Gamma(r, alpha) purchases a week, a Beta(a, b) chance to stop after any of them.

    >>> model = MbgNbd(r=0.525, alpha=6.183, a=0.891, b=1.614)
    >>> round(float(model.p_alive(x=2, t_x=30.43, T=38.86)), 4)
    0.7062
    """

    def coin_shape(self, x: Floats) -> Floats:
        """b + x + 1: each of the x + 1 purchases was followed by another, or by silence."""
        return self.b + x + 1.0

    def log_stop(self, x: Floats) -> Floats:
        """ln(a / (b + x))."""
        return np.log(self.a / (self.b + x))
