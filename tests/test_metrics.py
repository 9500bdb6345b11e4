"""Metrics: declared once, counted once a batch, readable by Prometheus, never a customer."""

from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stream_app import metrics as module
from stream_app.metrics import BUCKETS, TABLE, Metrics


def families(metrics: Metrics) -> dict[str, list[tuple[dict[str, str], float]]]:
    return {
        family.name: [(sample.labels, sample.value) for sample in family.samples]
        for family in text_string_to_metric_families(metrics.text().decode())
    }


def test_the_table_and_the_names_that_may_be_called_are_the_same() -> None:
    by_kind = {
        "counter": set(get_args(module.CounterName)),
        "gauge": set(get_args(module.GaugeName)),
        "histogram": set(get_args(module.HistogramName)),
    }
    for kind, names in by_kind.items():
        assert {one.name for one in TABLE if one.kind == kind} == names


def test_names_units_and_help_follow_prometheus() -> None:
    for one in TABLE:
        assert one.name.startswith("ltv_")
        assert one.name.endswith("_total") == (one.kind == "counter")
        assert one.help
        assert one.unit
        assert not any("customer" in label for label in one.labels)


def test_counters_add_and_gauges_say_what_is() -> None:
    metrics = Metrics("1.0")
    metrics.add("ltv_events_total", 2, "purchases", "applied")
    metrics.add("ltv_events_total", 3, "purchases", "applied")
    metrics.set("ltv_redis_up", 1)
    metrics.set("ltv_redis_up", 0)
    shown = families(metrics)
    assert shown["ltv_events"] == [({"topic": "purchases", "outcome": "applied"}, 5.0)]
    assert shown["ltv_redis_up"] == [({}, 0.0)]


def test_a_gauge_that_was_never_set_is_absent_and_a_counter_is_zero() -> None:
    shown = families(Metrics("1.0"))
    assert shown["ltv_model_age_seconds"] == []
    assert shown["ltv_changelog_bytes"] == [({}, 0.0)]


def test_a_forgotten_partition_disappears() -> None:
    metrics = Metrics("1.0")
    metrics.set("ltv_consumer_lag_records", 7, "purchases", "0")
    metrics.forget("ltv_consumer_lag_records", "purchases", "0")
    metrics.forget("ltv_consumer_lag_records", "purchases", "0")
    assert families(metrics)["ltv_consumer_lag_records"] == []


@pytest.mark.parametrize("seconds", [0.0, *BUCKETS, 1e6])
def test_an_observation_lies_in_every_bucket_whose_bound_reaches_it(seconds: float) -> None:
    metrics = Metrics("1.0")
    metrics.observe("ltv_fold_seconds", seconds, count=3)
    samples = [
        sample
        for family in text_string_to_metric_families(metrics.text().decode())
        if family.name == "ltv_fold_seconds"
        for sample in family.samples
    ]
    for sample in samples:
        if "le" in sample.labels:
            assert sample.value == (3.0 if seconds <= float(sample.labels["le"]) else 0.0)
    assert [s.value for s in samples if s.name.endswith("_count")] == [3.0]
    assert [s.value for s in samples if s.name.endswith("_sum")] == [3 * seconds]


def test_two_processes_in_one_do_not_share_numbers() -> None:
    one, other = Metrics("1.0"), Metrics("1.0")
    one.add("ltv_foreign_writes_total", 1)
    assert other.value("ltv_foreign_writes_total") == 0


def test_a_gauge_that_is_replaced_says_nothing_else_any_more() -> None:
    metrics = Metrics("1.0")
    metrics.set("ltv_prequential_gap", 0.5, "old")
    metrics.replace("ltv_prequential_gap", {("new",): 0.25})
    assert families(metrics)["ltv_prequential_gap"] == [({"model": "new"}, 0.25)]
