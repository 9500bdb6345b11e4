"""How well what was expected agrees with what then happened, customer by customer.

A hold-out compares predictions made as of a day with the days after it. Customers whose first
purchase is later are left out; who did nothing later counts with 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Final

import numpy as np
from scipy import stats

from stream_app.core.models.arrays import Floats

TOP_SHARE: Final = 0.2
BUCKETS: Final = 8
"""Of calibration: frequency 0, 1, ... 6, and 7 or more."""
DECILES: Final = 10


@dataclass(frozen=True)
class Actual:
    """What happened in the hold-out, a place a customer."""

    x: Floats
    """Frequency at the cut: the bucket of calibration."""
    purchase_days: Floats
    revenue: Floats
    """Net, in major units."""


@dataclass(frozen=True)
class Grades:
    """Of one model or baseline; None for what it says nothing of."""

    purchases: float | None
    """Purchase days expected of all; compare with those that came."""
    mae: float | None
    """Mean absolute error of a customer's purchase days."""
    rmse: float | None
    auc: float | None
    """Chance that a customer who bought was expected to buy more than one who did not."""
    revenue: float | None
    """Expected of all, major units."""
    revenue_mae: float | None
    revenue_rmse: float | None
    top_capture: float | None
    """Share of the revenue from the fifth of the customers of whom most was expected."""
    by_frequency: list[float] | None
    """Mean expected purchase days by calibration frequency: 0, 1, ... 6, 7 or more."""
    by_decile: list[float] | None
    """Share of the revenue from each tenth of the customers, those with most expected first."""


def grades(actual: Actual, purchases: Floats | None, value: Floats | None) -> Grades:
    """Grade expected purchase days and expected revenue; None: there is no such expectation."""
    of_days = None if purchases is None else purchases - actual.purchase_days
    of_money = None if value is None else value - actual.revenue
    ranked = purchases if purchases is not None else value
    return Grades(
        purchases=None if purchases is None else float(purchases.sum()),
        mae=_mean_absolute(of_days),
        rmse=_root_mean_square(of_days),
        auc=None if ranked is None else auc(ranked, actual.purchase_days > 0),
        revenue=None if value is None else float(value.sum()),
        revenue_mae=_mean_absolute(of_money),
        revenue_rmse=_root_mean_square(of_money),
        top_capture=None if value is None else top_capture(value, actual.revenue),
        by_frequency=None if purchases is None else by_frequency(actual.x, purchases),
        by_decile=None if value is None else by_decile(value, actual.revenue),
    )


def auc(ranked: Floats, happened: np.ndarray) -> float | None:
    """Area under the ROC curve, ties half; None where all or nobody bought (Mann-Whitney)."""
    yes = int(happened.sum())
    no = len(happened) - yes
    if not yes or not no:
        return None
    ranks = float(stats.rankdata(ranked)[happened].sum())
    return (ranks - yes * (yes + 1) / 2) / (yes * no)


def top_capture(ranked: Floats, revenue: Floats) -> float | None:
    """Share of the revenue from the highest-ranked fifth, rounded up; None without revenue.

    Customers ranked alike count with their mean, so that their order does not matter.
    """
    return _share(ranked, revenue, 0, ceil(TOP_SHARE * len(revenue)))


def by_decile(ranked: Floats, revenue: Floats) -> list[float] | None:
    """Shares of the revenue from each tenth, the highest-ranked first; None without revenue."""
    edges = [round(part * len(revenue) / DECILES) for part in range(DECILES + 1)]
    shares = [_share(ranked, revenue, *pair) for pair in pairwise(edges)]
    return None if shares[0] is None else [share for share in shares if share is not None]


def _share(ranked: Floats, revenue: Floats, start: int, end: int) -> float | None:
    total = float(revenue.sum())
    if total <= 0:
        return None
    _, of, sizes = np.unique(-ranked, return_inverse=True, return_counts=True)
    means = np.bincount(of, revenue) / sizes
    return float(np.repeat(means, sizes)[start:end].sum()) / total


def by_frequency(x: Floats, values: Floats) -> list[float]:
    """Means by calibration frequency; 0 for a bucket without customers."""
    sizes = customers_by_frequency(x)
    sums = np.bincount(_bucket(x), values, BUCKETS).tolist()
    return [total / max(size, 1) for total, size in zip(sums, sizes, strict=True)]


def customers_by_frequency(x: Floats) -> list[int]:
    """How many customers each bucket has."""
    return [int(size) for size in np.bincount(_bucket(x), minlength=BUCKETS)]


def _bucket(x: Floats) -> np.ndarray:
    return np.minimum(x, BUCKETS - 1).astype(np.int64)


def _mean_absolute(error: Floats | None) -> float | None:
    return None if error is None or not len(error) else float(np.abs(error).mean())


def _root_mean_square(error: Floats | None) -> float | None:
    return None if error is None or not len(error) else float(np.sqrt((error**2).mean()))
