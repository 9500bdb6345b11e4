"""A population in a few sums: tiers and their money, what silence puts at risk, segments, and how
few customers bring how much of the revenue.

Totals of some customers; those of two disjoint sets add with `+`. Money is in minor units and
exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Final

import numpy as np

from stream_app.core.models.whole_numbers import Whole, largest, with_room
from stream_app.core.population import Ranks, standing
from stream_app.core.score import Scores
from stream_app.core.segments import TIERS

SILENT_DAYS: Final = 30
"""Value at risk looks so far ahead."""
TOP_SHARE: Final = 0.2
"""The customers whose share of the revenue is told: those who spent most."""
BIN_RATIO: Final = 1.002
"""Customers whose revenue is within this ratio share a bin of the concentration."""


@dataclass(frozen=True)
class TierTotals:
    """One tier's customers."""

    customers: int = 0
    revenue_minor: int = 0
    ltv_365_minor: int = 0
    at_risk_minor: int = 0
    """Expected loss over the next 30 days: the chance of silence times what it would take off
    `ltv_365`, summed; 0 by formula, which knows no chance."""

    def __add__(self, other: TierTotals) -> TierTotals:
        return TierTotals(
            self.customers + other.customers,
            self.revenue_minor + other.revenue_minor,
            self.ltv_365_minor + other.ltv_365_minor,
            self.at_risk_minor + other.at_risk_minor,
        )


@dataclass(frozen=True)
class Portfolio:
    """Sums over customers."""

    tiers: Mapping[str, TierTotals] = field(default_factory=dict)
    """By name of the tier; one without customers is absent."""
    rfm: Mapping[int, int] = field(default_factory=dict)
    """Customers by their three digits; of those who bought, once their places are known."""
    concentration: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """Customers and revenue by bin of their revenue; of those who bought."""

    def __add__(self, other: Portfolio) -> Portfolio:
        return Portfolio(
            _sum(self.tiers, other.tiers, TierTotals()),
            _sum(self.rfm, other.rfm, 0),
            {
                at: (
                    self.concentration.get(at, (0, 0))[0] + other.concentration.get(at, (0, 0))[0],
                    self.concentration.get(at, (0, 0))[1] + other.concentration.get(at, (0, 0))[1],
                )
                for at in self.concentration.keys() | other.concentration.keys()
            },
        )

    def top_share(self, share: float = TOP_SHARE) -> float | None:
        """What part of the buyers' revenue came from this share of them, rounded up, who spent
        most; None without revenue.

        Within the bin that the limit falls into, customers count with their mean: it holds only
        revenues within `BIN_RATIO` of each other.
        """
        total = sum(minor for _, minor in self.concentration.values())
        left = ceil(share * sum(count for count, _ in self.concentration.values()))
        if total <= 0:
            return None
        brought = 0.0
        for at in sorted(self.concentration, reverse=True):
            count, minor = self.concentration[at]
            taken = min(count, left)
            brought += minor * (taken / count)
            left -= taken
            if not left:
                break
        return brought / total


def portfolio(scores: Scores, later: Scores, ranks: Ranks | None) -> Portfolio:
    """Of these customers; `later` are their scores after `SILENT_DAYS` of silence."""
    return Portfolio(_tiers(scores, later), _rfm(scores, ranks), _concentration(scores))


def added(parts: Iterable[Portfolio]) -> Portfolio:
    """All parts together."""
    whole = Portfolio()
    for part in parts:
        whole = whole + part
    return whole


def _tiers(scores: Scores, later: Scores) -> dict[str, TierTotals]:
    value = np.where(scores.valued, scores.ltv_365_minor, 0)
    risk = np.zeros(len(scores))
    if scores.model is not None:
        fallen = (scores.ltv_365_minor - later.ltv_365_minor).astype(np.float64)
        risk = np.where(scores.bought, scores.churn_30 * fallen, 0.0)
    totals = {}
    for code in np.unique(scores.tier).tolist():
        ours = scores.tier == code
        totals[TIERS[code]] = TierTotals(
            int(ours.sum()),
            _exact_sum(scores.revenue_minor[ours]),
            _exact_sum(value[ours]),
            round(float(risk[ours].sum())),
        )
    return totals


def _rfm(scores: Scores, ranks: Ranks | None) -> dict[int, int]:
    if ranks is None:
        return {}
    digits = standing(scores, ranks)[0][scores.bought]
    found, counts = np.unique(digits, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _concentration(scores: Scores) -> dict[int, tuple[int, int]]:
    """Bin 0 is no revenue at all; negative revenue has negative bins."""
    revenue = scores.revenue_minor[scores.bought]
    size = np.abs(revenue.astype(np.float64))
    bins = np.ceil(np.log(np.maximum(size, 1.0)) / np.log(BIN_RATIO)).astype(np.int64) + 1
    bins = np.where(size == 0, 0, np.where(revenue < 0, -bins, bins))
    if not len(bins):
        return {}
    order = np.argsort(bins, kind="stable")
    edges = np.flatnonzero(np.diff(bins[order], prepend=np.iinfo(np.int64).min))
    counts = np.diff(edges, append=len(order))
    summable = with_room(revenue, largest(revenue) * len(revenue))
    sums = np.add.reduceat(summable[order], edges)
    pairs = zip(counts.tolist(), sums.tolist(), strict=True)
    return dict(zip(bins[order][edges].tolist(), pairs, strict=True))


def _exact_sum(column: Whole) -> int:
    """Of whole numbers of any size."""
    return int(with_room(column, largest(column) * len(column)).sum())


def _sum(one: Mapping[Any, Any], other: Mapping[Any, Any], nothing: Any) -> dict[Any, Any]:
    return {
        key: one.get(key, nothing) + other.get(key, nothing) for key in one.keys() | other.keys()
    }
