"""What Redis gets of customers scored without a model is what the oracle works out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from stream_app.core.calendar import Calendar
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.core.models.statistics import statistics
from stream_app.core.score import ScoreSettings, score
from stream_app.wire.schemas import score_schema
from stream_app.wire.scores import redis_rows
from tests.core import naive
from tests.core.naive_score import Rules, hash_fields
from tests.core.naive_time import business_day
from tests.core.test_naive_equality import count, events, fold, record_of
from tests.generate import Shape, generate

DAY_SECONDS = 86_400
SCHEMA = Draft202012Validator(score_schema())


def published(
    customers: dict[str, Any], as_of: int, zone: str, model: ModelParameters | None
) -> dict[str, dict[str, str]]:
    """The hashes by customer, as the publisher would write them."""
    held = list(customers.values())
    calendar = Calendar(zone)
    scores = score(
        statistics(held),
        as_of_seconds=as_of,
        as_of_day=calendar.day_of(as_of * 1_000_000),
        calendar=calendar,
        parameters=model,
        basis_reason=None if model else "no model",
        settings=ScoreSettings(currency="USD"),
    )
    rows = redis_rows(held, scores, 1)
    pairs = (dict(zip(row[::2], row[1::2], strict=True)) for row in rows)
    return dict(zip(customers, pairs, strict=True))


def assert_as_by_oracle(
    hashes: dict[str, dict[str, str]], expected: dict[str, naive.Facts], as_of: int, zone: str
) -> None:
    """All fields but those that say which publication and model it was."""
    for key, facts in expected.items():
        SCHEMA.validate(hashes[key])
        fields = {n: v for n, v in hashes[key].items() if n not in ("gen", "pos", "basis_reason")}
        assert fields == hash_fields(facts, as_of, Rules(time_zone=zone))


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize("days_after", [-300, 0, 20, 31, 95, 400])
def test_a_shop_s_scores_by_formula_equal_the_oracle(zone: str, days_after: int) -> None:
    shape = Shape(
        seed=21, records=1_500, customers=300, days=300, foreign=0.2, cancellations=0.06, zipf=0.5
    )
    records = list(generate(shape))
    customers, _ = fold(records, zone)
    as_of = (shape.first_day + shape.days + days_after) * DAY_SECONDS + 12_345
    hashes = published(customers, as_of, zone, None)
    assert_as_by_oracle(hashes, count(records, zone), as_of, zone)


@given(st.lists(events(), max_size=30), st.integers(0, 30_000 * DAY_SECONDS))
@settings(max_examples=50, deadline=None)
def test_any_customer_s_scores_by_formula_equal_the_oracle(
    log: list[dict[str, Any]], as_of: int
) -> None:
    records = [record_of(event) for event in log]
    zone = "Asia/Kathmandu"
    customers, _ = fold(records, zone)
    if customers:
        hashes = published(customers, as_of, zone, None)
        assert_as_by_oracle(hashes, count(records, zone), as_of, zone)


@given(st.lists(events(), max_size=30), st.integers(0, 30_000 * DAY_SECONDS))
@settings(max_examples=50, deadline=None)
def test_the_facts_of_a_hash_are_the_same_by_model(log: list[dict[str, Any]], as_of: int) -> None:
    records = [record_of(event) for event in log]
    zone = "UTC"
    customers, _ = fold(records, zone)
    if not customers:
        return
    for key, facts in count(records, zone).items():
        found = published(customers, as_of, zone, CDNOW)[key]
        SCHEMA.validate(found)
        told = naive.fact_fields(facts, time_zone=zone, currency="USD")
        assert told.items() <= found.items()
        assert found["basis"] == "model"
        if facts.first_day is not None:
            assert 0 <= float(found["p_alive"]) <= 1
            assert int(found["ltv"]) == facts.revenue_minor + int(found["ltv_365"])
            assert float(found["churn_90"]) <= float(found["churn_30"])
            falls = [int(found[name]) for name in ("at_risk_at", "lost_at") if name in found]
            assert falls == sorted(falls)
            assert all(business_day(at * 1_000_000, zone) > as_of // DAY_SECONDS for at in falls)
