"""Grades as gauges: what is known of the live models, and nothing of others."""

from __future__ import annotations

from math import sqrt

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stream_app.core.models.histories import histories
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.prequential import Prequential, prequential
from stream_app.core.models.published import CDNOW
from stream_app.metrics import Metrics
from stream_app.worker.grading import show
from tests.core.scoring import BG, DAY, customer

SHOP = [customer((0, 500)), customer((0, 700), (40, 900), (300, 100)), customer((9, 5), (20, 5))]


def of(parameters: ModelParameters = CDNOW, customers: slice = slice(None)) -> Prequential:
    known = histories(SHOP[customers])
    return prequential(known, parameters, today=DAY + 330, currency="USD", from_day=DAY)


def shown(metrics: Metrics) -> dict[str, dict[tuple[str, ...], float]]:
    """Gauges of grades that say something, by labels."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        family.name: {
            tuple(one.labels[name] for name in ("model", "bin") if name in one.labels): one.value
            for one in family.samples
        }
        for family in families
        if family.name.startswith("ltv_prequential_") and family.samples
    }


def test_every_grade_of_a_model_is_a_gauge() -> None:
    metrics, grades = Metrics("test"), of()
    show(metrics, {"m": grades})
    found = shown(metrics)
    assert found["ltv_prequential_forecasts"] == {("m",): grades.forecasts}
    assert found["ltv_prequential_log_loss"] == {("m",): grades.log_loss}
    assert found["ltv_prequential_brier"] == {("m",): grades.brier}
    assert found["ltv_prequential_bias"] == {("m",): grades.bias}
    assert found["ltv_prequential_drift"] == {("m",): grades.drift}
    assert found["ltv_prequential_spend_error"] == {("m",): grades.spend_mae}
    assert found["ltv_prequential_gap"] == {("m",): grades.gap}
    assert len(found) == 12


def test_a_bin_is_named_by_its_upper_bound_and_there_once_it_has_a_forecast() -> None:
    metrics = Metrics("test")
    grades = Prequential(
        forecasts=5,
        bin_forecasts=(3, 0, 0, 0, 0, 0, 0, 0, 0, 2),
        bin_bought=(0, 0, 0, 0, 0, 0, 0, 0, 0, 2),
        bin_expected=(0.2, 0, 0, 0, 0, 0, 0, 0, 0, 1.9),
    )
    show(metrics, {"m": grades})
    found = shown(metrics)
    assert found["ltv_prequential_observed"] == {("m", "0.1"): 0, ("m", "1.0"): 2}
    assert found["ltv_prequential_expected"] == {("m", "0.1"): 0.2, ("m", "1.0"): 1.9}


def test_what_is_not_known_of_a_model_is_absent() -> None:
    metrics = Metrics("test")
    show(metrics, {"m": Prequential()})
    assert set(shown(metrics)) == {
        "ltv_prequential_forecasts",
        "ltv_prequential_recent_expected",
        "ltv_prequential_recent_variance",
        "ltv_prequential_spends",
    }
    assert shown(metrics)["ltv_prequential_forecasts"] == {("m",): 0}


def test_a_model_that_is_no_longer_live_disappears() -> None:
    metrics = Metrics("test")
    show(metrics, {"old": of(BG), "new": of()})
    show(metrics, {"new": of()})
    for lines in shown(metrics).values():
        assert {labels[0] for labels in lines} == {"new"}
    show(metrics, {})
    assert shown(metrics) == {}


def test_the_gauges_of_several_workers_add_up_as_their_help_says() -> None:
    parts = [of(customers=slice(0, 2)), of(customers=slice(2, None))]
    workers = [Metrics("test") for _ in parts]
    for metrics, grades in zip(workers, parts, strict=True):
        show(metrics, {"m": grades})
    whole = of()

    def weighed(name: str, weight: str) -> float:
        said = [(one[name][("m",)], sum(one[weight].values())) for one in map(shown, workers)]
        return sum(mean * count for mean, count in said) / sum(count for _, count in said)

    def told(name: str) -> list[float]:
        return [shown(metrics)[f"ltv_prequential_{name}"][("m",)] for metrics in workers]

    forecasts, observed = "ltv_prequential_forecasts", "ltv_prequential_observed"
    recent, spends = "ltv_prequential_recent_expected", "ltv_prequential_spends"
    assert weighed("ltv_prequential_log_loss", forecasts) == pytest.approx(whole.log_loss)
    assert weighed("ltv_prequential_brier", forecasts) == pytest.approx(whole.brier)
    assert weighed("ltv_prequential_gap", observed) == pytest.approx(whole.gap)
    assert weighed("ltv_prequential_bias", recent) == pytest.approx(whole.bias)
    assert weighed("ltv_prequential_spend_error", spends) == pytest.approx(whole.spend_mae)
    variances = told("recent_variance")
    together = sum(one * sqrt(var) for one, var in zip(told("drift"), variances, strict=True))
    assert together / sqrt(sum(variances)) == pytest.approx(whole.drift)
