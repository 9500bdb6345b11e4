"""Sums over a population against loops over its customers."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer
from stream_app.core.events import Refund
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.core.models.statistics import statistics
from stream_app.core.population import Population
from stream_app.core.portfolio import SILENT_DAYS, Portfolio, added, portfolio
from stream_app.core.score import Scores, ScoreSettings, score
from stream_app.core.segments import TIERS
from stream_app.dev.cache import cache_directory
from stream_app.dev.cdnow import cdnow_sample, read_sample
from tests.core.test_population import TODAY, buyer, some


def scored(
    customers: list[Customer], day: int = TODAY, parameters: ModelParameters | None = CDNOW
) -> Scores:
    return score(
        statistics(customers),
        as_of_seconds=day * 86_400,
        as_of_day=day,
        calendar=Calendar("UTC"),
        parameters=parameters,
        basis_reason=None if parameters else "no model",
        settings=ScoreSettings("USD"),
    )


def of(
    customers: list[Customer], day: int = TODAY, parameters: ModelParameters | None = CDNOW
) -> Portfolio:
    scores, later = (
        scored(customers, day, parameters),
        scored(customers, day + SILENT_DAYS, parameters),
    )
    population = Population()
    population.add(scores)
    return portfolio(scores, later, population.ranks())


def cdnow_until(last: date) -> list[Customer]:
    """The sample's customers, as of the end of a day."""
    orders: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in read_sample(cdnow_sample(cache_directory(), print)):
        if row.day <= last:
            orders[row.master_id].append(((row.day - date(1970, 1, 1)).days, row.amount_minor))
    return [buyer(*bought) for bought in orders.values()]


def test_tiers_are_sums_over_their_customers() -> None:
    customers = [*some(3000, seed=5), Customer()]
    found, scores = of(customers), scored(customers)
    later = scored(customers, TODAY + SILENT_DAYS)
    for code, tier in enumerate(TIERS):
        ours = [at for at in range(len(customers)) if scores.tier[at] == code]
        told = found.tiers.get(tier)
        if not ours:
            assert told is None
            continue
        assert told is not None
        assert told.customers == len(ours)
        assert told.revenue_minor == sum(customers[at].revenue_minor for at in ours)
        value = [int(scores.ltv_365_minor[at]) if scores.valued[at] else 0 for at in ours]
        assert told.ltv_365_minor == sum(value)
        lost = [
            scores.churn_30[at] * (scores.ltv_365_minor[at] - later.ltv_365_minor[at])
            for at in ours
            if scores.bought[at]
        ]
        assert told.at_risk_minor == pytest.approx(sum(lost), abs=1)
    assert sum(one.at_risk_minor for one in found.tiers.values()) > 0


def test_by_formula_nothing_is_said_to_be_at_risk() -> None:
    found = of(some(100, seed=6), parameters=None)
    assert {one.at_risk_minor for one in found.tiers.values()} == {0}


def test_every_buyer_is_in_one_segment() -> None:
    found = of([*some(500, seed=7), Customer()])
    assert sum(found.rfm.values()) == 500
    assert all(set(str(digits)) <= set("12345") for digits in found.rfm)


@pytest.mark.parametrize(
    ("day", "share"), [(date(1997, 9, 30), 0.633478), (date(1998, 6, 30), 0.674550)]
)
def test_the_top_fifth_of_the_cdnow_sample_brought_the_share_of_the_table(
    day: date, share: float
) -> None:
    customers = cdnow_until(day)
    as_of = (day - date(1970, 1, 1)).days
    assert len(customers) == 2357
    assert of(customers, as_of).top_share() == pytest.approx(share, abs=2e-6)


@given(
    st.lists(st.integers(0, 10**7), min_size=1, max_size=60),
    st.lists(st.integers(0, 10**7), max_size=60),
)
def test_parts_add_up_to_the_whole_and_the_share_is_that_of_sorting(
    some_worth: list[int], more_worth: list[int]
) -> None:
    one, other = (
        [buyer((TODAY - 1, minor)) for minor in worth] for worth in (some_worth, more_worth)
    )
    scores = scored(one + other)
    population = Population()
    population.add(scores)
    ranks = population.ranks()
    parts = [
        portfolio(scored(part), scored(part, TODAY + SILENT_DAYS), ranks) for part in (one, other)
    ]
    whole = portfolio(scores, scored(one + other, TODAY + SILENT_DAYS), ranks)
    assert added(parts).rfm == whole.rfm
    assert added(parts).concentration == whole.concentration
    assert {tier: told.revenue_minor for tier, told in added(parts).tiers.items()} == {
        tier: told.revenue_minor for tier, told in whole.tiers.items()
    }
    revenue = sorted(some_worth + more_worth, reverse=True)
    if sum(revenue):
        top = sum(revenue[: ceil(0.2 * len(revenue))]) / sum(revenue)
        assert whole.top_share() == pytest.approx(top, abs=2e-3)
    else:
        assert whole.top_share() is None


def test_refunds_beyond_what_was_paid_and_huge_sums_have_their_bins() -> None:
    refunded, rich = buyer((TODAY, 100)), [buyer((TODAY, 10**20)) for _ in range(3)]
    refunded.apply(Refund("c", "r", "o", 0, TODAY, "USD", 500, 500))
    found = of([refunded, *rich])
    assert sum(minor for _, minor in found.concentration.values()) == 3 * 10**20 - 400
    assert min(found.concentration) < 0
    assert found.top_share() == pytest.approx(1 / 3, abs=1e-6)


def test_nobody_has_no_share() -> None:
    assert Portfolio().top_share() is None
    assert np.isfinite(of(some(5, seed=1)).top_share() or 0.0)
