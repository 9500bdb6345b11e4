"""Made-up customers who buy as MBG/NBD and Gamma-Gamma say, of a known seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Drawn(NamedTuple):
    """Columns over customers, in days and major units."""

    x: NDArray[np.int64]
    t_x: NDArray[np.int64]
    T: NDArray[np.int64]
    m: NDArray[np.float64]


def drawn(customers: int, *, seed: int, days: int = 730) -> Drawn:
    """First purchases spread evenly over so many days; parameters near those of CDNOW."""
    rng = np.random.default_rng(seed)
    T = rng.integers(0, days + 1, customers)
    rate = rng.gamma(0.525, 1 / 6.18, customers) / 7
    stop = rng.beta(0.89, 1.61, customers)
    x, t_x = np.zeros(customers, np.int64), np.zeros(customers, np.int64)
    at = np.zeros(customers)
    alive = np.flatnonzero(rng.random(customers) >= stop)
    while len(alive):
        at[alive] += rng.exponential(1 / rate[alive])
        alive = alive[at[alive] <= T[alive]]
        x[alive] += np.floor(at[alive]) > t_x[alive]
        t_x[alive] = np.floor(at[alive])
        alive = alive[rng.random(len(alive)) >= stop[alive]]
    scale = rng.gamma(3.74, 1 / 15.44, customers)
    spent = rng.gamma(6.25 * np.maximum(x, 1)) / scale
    return Drawn(x, t_x, T, np.where(x > 0, spent / np.maximum(x, 1), 0.0))
