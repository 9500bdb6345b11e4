"""Made-up customers day by day, who buy and spend exactly as a model's parameters say."""

from __future__ import annotations

import numpy as np

from stream_app.core.models.histories import Histories
from stream_app.core.models.packed_rows import Rows
from stream_app.core.models.parameters import ModelParameters


def simulated(
    parameters: ModelParameters, customers: int, *, days: int, joining_days: int, seed: int
) -> Histories:
    """MBG/NBD and Gamma-Gamma: first purchases spread over the first `joining_days` of `days`.

    Days begin with 0. In continuous time, like the model; purchases of one day are one.
    """
    assert parameters.a is not None
    assert parameters.b is not None
    rng = np.random.default_rng(seed)
    rate = rng.gamma(parameters.r, 1 / parameters.alpha, customers) / 7
    stop = rng.beta(parameters.a, parameters.b, customers)
    at = rng.uniform(0, joining_days, customers)
    alive = np.arange(customers)
    owners, moments = [alive], [at.copy()]
    while len(alive):
        alive = alive[rng.random(len(alive)) >= stop[alive]]
        at[alive] += rng.exponential(1 / rate[alive])
        alive = alive[at[alive] < days]
        owners.append(alive)
        moments.append(at[alive].copy())
    day = np.floor(np.concatenate(moments)).astype(np.int64)
    both = np.unique(np.stack((np.concatenate(owners), day)), axis=1)
    scale = rng.gamma(parameters.q, 1 / parameters.gamma, customers)
    spent = rng.gamma(parameters.p, size=both.shape[1]) / scale[both[0]]
    none = np.zeros(both.shape[1], np.int64)
    rows = Rows(both[1], none + 1, np.rint(100 * spent).astype(np.int64), none)
    return Histories(customers, both[0], rows, np.zeros(customers, np.bool_))
