"""What the customers are worth, as Prometheus sees it: by tier, and by the latest cohorts.

Lines are few whatever the shop is like: five tiers, a dozen months. Money is in minor units of the
base currency; sums over workers add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stream_app.core.cohorts.recent import Worth
from stream_app.core.portfolio import TierTotals
from stream_app.core.segments import TIERS
from stream_app.metrics import Metrics


def show_tiers(
    metrics: Metrics, currency: str, partitions: Iterable[Mapping[str, TierTotals]]
) -> None:
    """Say what the tiers of these partitions come to; a tier without customers is 0."""
    totals = dict.fromkeys(TIERS, TierTotals())
    for tiers in partitions:
        for tier, each in tiers.items():
            totals[tier] += each
    for tier, each in totals.items():
        metrics.set("ltv_tier_customers", each.customers, tier)
        metrics.set("ltv_tier_revenue_minor", each.revenue_minor, tier, currency)
        metrics.set("ltv_tier_expected_minor", each.ltv_365_minor, tier, currency)
        metrics.set("ltv_tier_at_risk_minor", each.at_risk_minor, tier, currency)


def show_cohorts(
    metrics: Metrics, currency: str, partitions: Iterable[Mapping[str, Worth]]
) -> None:
    """Say what the cohorts of these partitions come to, and nothing of others any more."""
    members: dict[tuple[str, ...], float] = {}
    revenue: dict[tuple[str, ...], float] = {}
    for cohorts in partitions:
        for name, worth in cohorts.items():
            members[(name,)] = members.get((name,), 0) + worth.members
            revenue[name, currency] = revenue.get((name, currency), 0) + worth.net_minor
    metrics.replace("ltv_cohort_customers", members)
    metrics.replace("ltv_cohort_revenue_minor", revenue)
