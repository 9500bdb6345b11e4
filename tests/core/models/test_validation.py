"""Hold-out grades on the CDNOW sample, from fit to figure, and the grades' own definitions."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from stream_app.core.calendar import DAY_US, day_from_text
from stream_app.core.customer import Customer
from stream_app.core.events import Purchase, Refund
from stream_app.core.models.enough import Enough
from stream_app.core.models.fitted import fit, inputs, net_ratio
from stream_app.core.models.histories import Histories, histories
from stream_app.core.models.hold_out import (
    auc,
    by_decile,
    by_frequency,
    customers_by_frequency,
    top_capture,
)
from stream_app.core.models.parameters import Kind
from stream_app.core.models.statistics import statistics
from stream_app.core.models.validation import Validation, validate
from stream_app.dev.cache import cache_directory
from stream_app.dev.cdnow import cdnow_sample, read_sample

USUAL = Enough(buyers=100, repeat_buyers=30, history_days=90, silence_days=60)
CUT, END = day_from_text("1997-09-30"), day_from_text("1998-06-30")


@cache
def cdnow() -> Histories:
    """The sample, folded as the worker would."""
    customers: dict[str, Customer] = {}
    for number, row in enumerate(read_sample(cdnow_sample(cache_directory(), print))):
        day, amount, name = day_from_text(row.day.isoformat()), row.amount_minor, str(number)
        bought = Purchase(row.master_id, name, name, day * DAY_US, day, "USD", amount, amount)
        customers.setdefault(row.master_id, Customer()).apply(bought)
    return histories(list(customers.values()))


@cache
def graded() -> Validation:
    """Cut as in the papers."""
    return validate(cdnow(), CUT, END, "USD")


def test_the_hold_out_is_counted_as_in_the_papers() -> None:
    found = graded()
    assert found.actual.purchase_days.sum() == 1882
    assert found.actual.revenue.sum() == pytest.approx(70_976.39)
    assert customers_by_frequency(found.actual.x) == [1411, 439, 214, 100, 62, 38, 29, 64]
    assert found.fitted.net_ratio == 1


@pytest.mark.parametrize(
    ("name", "total", "mae", "rmse", "auc", "revenue", "revenue_mae", "revenue_rmse", "capture"),
    [
        ("bg", 1653.41, 0.78545, 1.60798, 0.7725, 59_931.62, 30.41, 72.30, 0.6629),
        ("mbg", 1576.73, 0.76478, 1.60718, 0.7728, 57_128.10, 29.71, 71.95, 0.6687),
        ("pareto", 1665.51, 0.75452, 1.60285, 0.7787, 60_449.30, 29.45, 72.18, 0.6719),
    ],
)
def test_hold_out_grades_of_our_own_fits(
    name: str, total: float, mae: float, rmse: float, auc: float, revenue: float,
    revenue_mae: float, revenue_rmse: float, capture: float,
) -> None:  # fmt: skip
    found = graded().grades[name]
    assert found.purchases == pytest.approx(total, abs=0.02)
    assert found.mae == pytest.approx(mae, abs=1e-5)
    assert found.rmse == pytest.approx(rmse, abs=1e-5)
    assert found.auc == pytest.approx(auc, abs=5e-5)
    assert found.revenue == pytest.approx(revenue, abs=1.0)
    assert found.revenue_mae == pytest.approx(revenue_mae, abs=5e-3)
    assert found.revenue_rmse == pytest.approx(revenue_rmse, abs=5e-3)
    assert found.top_capture == pytest.approx(capture, abs=5e-5)


def test_baselines_of_the_sample() -> None:
    found = graded()
    assert found.perfect_capture == pytest.approx(0.9428, abs=5e-5)
    assert found.grades["past-revenue"].top_capture == pytest.approx(0.6626, abs=5e-5)
    formula = found.grades["formula"].revenue
    assert formula is not None
    assert formula / 70_976.39 == pytest.approx(1.82, abs=0.01)


@pytest.mark.parametrize(
    ("kind", "by_chance_to_buy", "mean_p_alive"),
    [("bg", 0.7569, 0.8134), ("mbg", 0.7601, 0.4487), ("pareto", None, 0.4463)],
)
def test_ranked_by_the_chance_to_buy_and_how_alive_they_are_thought_to_be(
    kind: Kind, by_chance_to_buy: float | None, mean_p_alive: float
) -> None:
    found = graded()
    model = found.fitted.buying[kind].model
    assert model is not None
    assert model.p_alive(*found.seen.weeks).mean() == pytest.approx(mean_p_alive, abs=5e-5)
    if by_chance_to_buy is not None:
        chance = model.p_buy(39, *found.seen.weeks)
        bought = found.actual.purchase_days > 0
        assert auc(chance, bought) == pytest.approx(by_chance_to_buy, abs=5e-5)


def test_calibration_by_frequency_is_the_published_one() -> None:
    published = [0.2251, 0.5231, 1.0441, 1.5203, 2.1638, 2.6538, 3.5040, 6.1570]
    assert graded().grades["bg"].by_frequency == pytest.approx(published, abs=3e-4)
    published = [0.138, 0.600, 1.196, 1.714, 2.399, 2.907, 3.819, 6.403]
    assert graded().grades["pareto"].by_frequency == pytest.approx(published, abs=1e-3)
    came = by_frequency(graded().actual.x, graded().actual.purchase_days)
    actual = [0.2367, 0.6970, 1.3925, 1.5600, 2.5323, 2.9474, 3.8621, 6.3594]
    assert came == pytest.approx(actual, abs=5e-5)


def test_a_fit_as_of_a_day_sees_nothing_of_what_came_later() -> None:
    seen = inputs(cdnow().statistics(CUT), CUT, "USD")
    assert fit(seen, ["mbg"]).buying["mbg"].log_likelihood == pytest.approx(-9582.1357, abs=1e-3)


def test_ties_count_half_in_the_area_and_with_their_mean_in_the_capture() -> None:
    assert auc(np.array([1.0, 1.0]), np.array([True, False])) == 0.5
    assert auc(np.array([2.0, 1.0, 0.0]), np.array([True, True, False])) == 1.0
    assert auc(np.array([2.0, 1.0]), np.array([True, True])) is None
    ranked, revenue = np.zeros(5), np.array([10.0, 0.0, 0.0, 0.0, 0.0])
    assert top_capture(ranked, revenue) == pytest.approx(0.2)
    assert top_capture(revenue, revenue) == 1.0
    assert top_capture(ranked, ranked) is None
    assert by_decile(ranked, ranked) is None


def test_net_ratio_is_the_share_left_after_refunds() -> None:
    customer = Customer()
    customer.apply(Purchase("c", "1", "1", 0, 0, "USD", 1000, 1000))
    assert net_ratio(statistics([customer])) == 1.0
    customer.apply(Refund("c", "2", "1", 0, 0, "USD", 250, 250))
    assert net_ratio(statistics([customer])) == 0.75
    customer.apply(Refund("c", "3", "1", 0, 0, "USD", 2000, 2000))
    assert net_ratio(statistics([customer])) == 0.0
    assert net_ratio(statistics([Customer()])) == 1.0


def _shop(buyers: int, repeated: int, first: int, last: int) -> Histories:
    customers = []
    for number in range(buyers):
        customer = Customer()
        days = (first, last) if number < repeated else (first,)
        for day in days:
            name = f"{number}-{day}"
            customer.apply(Purchase("c", name, name, day * DAY_US, day, "USD", 500, 500))
        customers.append(customer)
    return histories([*customers, Customer()])


@pytest.mark.parametrize(
    ("shop", "as_of", "why"),
    [
        (_shop(100, 30, 20_000, 20_080), 20_090, None),
        (_shop(99, 30, 20_000, 20_080), 20_090, "only 99 customers have bought"),
        (_shop(0, 0, 20_000, 20_080), 20_090, "no customer has bought"),
        (_shop(100, 29, 20_000, 20_080), 20_090, "only 29 customers have bought on a second day"),
        (_shop(100, 30, 20_000, 20_080), 20_089, "purchases go back 89 days"),
        (_shop(100, 30, 20_000, 20_080), 20_139, None),
        (_shop(100, 30, 20_000, 20_080), 20_140, "nobody has bought in the 60 days before"),
        (_shop(100, 30, 20_000, 20_080), 20_079, "no customer has bought on a second day"),
    ],
)
def test_the_condition_that_fails_is_said(shop: Histories, as_of: int, why: str | None) -> None:
    found = USUAL.why_not(shop.statistics(as_of), as_of)
    assert found is None if why is None else found is not None and why in found


def test_where_nothing_is_asked_for_somebody_must_have_bought_all_the_same() -> None:
    found = Enough(buyers=0, repeat_buyers=0, history_days=0, silence_days=1)
    shop = _shop(1, 0, 20_000, 20_000)
    assert found.why_not(shop.statistics(20_000), 20_000) is None
    assert found.why_not(shop.statistics(20_001), 20_001) == (
        "nobody has bought in the 1 day before 2024-10-05; the last purchase was on 2024-10-04"
    )
    assert found.why_not(shop.statistics(19_999), 19_999) == "nobody has bought by 2024-10-03"
