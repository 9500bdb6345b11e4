"""Tiers and cohorts as gauges: sums over the partitions held, and nothing of others."""

from __future__ import annotations

from stream_app.core.cohorts.recent import Worth
from stream_app.core.portfolio import TierTotals
from stream_app.core.segments import TIERS
from stream_app.metrics import Metrics
from stream_app.worker.worth import show_cohorts, show_tiers


def test_tiers_add_up_over_partitions_and_one_without_customers_is_0() -> None:
    metrics = Metrics("test")
    parts = {"active": TierTotals(3, 900, 120, 40), "lost": TierTotals(1, 5, 0, 0)}
    show_tiers(metrics, "EUR", [parts, {"active": TierTotals(2, -100, 30, 1)}])
    assert metrics.value("ltv_tier_customers", "active") == 5
    assert metrics.value("ltv_tier_revenue_minor", "active", "EUR") == 800
    assert metrics.value("ltv_tier_expected_minor", "active", "EUR") == 150
    assert metrics.value("ltv_tier_at_risk_minor", "active", "EUR") == 41
    text = metrics.text().decode()
    for tier in TIERS:
        assert f'ltv_tier_customers{{tier="{tier}"}}' in text
    show_tiers(metrics, "EUR", [])
    assert metrics.value("ltv_tier_customers", "active") == 0


def test_cohorts_add_up_over_partitions_and_an_old_name_goes() -> None:
    metrics = Metrics("test")
    show_cohorts(metrics, "EUR", [{"2024-01": Worth(1, 100)}, {"2024-01": Worth(2, -30)}])
    assert metrics.value("ltv_cohort_customers", "2024-01") == 3
    assert metrics.value("ltv_cohort_revenue_minor", "2024-01", "EUR") == 70
    show_cohorts(metrics, "EUR", [{"2024-02": Worth(1, 100)}])
    assert "2024-01" not in metrics.text().decode()
