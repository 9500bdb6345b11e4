"""Grades by what arrives: those of the definition, and the same however customers are split."""

from __future__ import annotations

from dataclasses import asdict, replace
from math import log
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream_app.core.calendar import DAY_SECONDS, Calendar
from stream_app.core.customer import Customer
from stream_app.core.events import Cancellation, Event, Purchase
from stream_app.core.models.forecasts import HORIZON_DAYS, forecasts, purchase_days
from stream_app.core.models.histories import histories
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.prequential import (
    GRADED_DAYS,
    Prequential,
    graded_from,
    prequential,
)
from stream_app.core.models.published import CDNOW
from stream_app.core.score import CHURN_DAYS
from tests.core import naive_prequential as naive
from tests.core.scoring import BG, DAY, PARETO, customer, scored
from tests.core.strategies import LOGS


def _customer(events: list[Event]) -> Customer:
    made = Customer()
    for event in events:
        made.apply(event)
    return made


CUSTOMERS = st.lists(LOGS.map(_customer), max_size=6)
DAYS = st.one_of(st.integers(18_995, 19_120), st.integers(0, 65_000))


def graded(
    customers: list[Customer],
    today: int,
    from_day: int,
    parameters: ModelParameters = CDNOW,
) -> Prequential:
    return prequential(
        histories(customers), parameters, today=today, currency="USD", from_day=from_day
    )


def by_hand(
    customers: list[Customer], today: int, from_day: int, parameters: ModelParameters = CDNOW
) -> dict[str, Any]:
    shoppers = [naive.Shopper(one.buckets, bool(one.unconverted)) for one in customers]
    return naive.graded(shoppers, parameters, today=today, minor=100, from_day=from_day)


def assert_same(found: Prequential, expected: dict[str, Any], money: float = 0.0) -> None:
    """`money` is the largest sum in sight: differences of it have its rounding."""
    for name, value in asdict(found).items():
        room = 1e-9 * max(money, 1.0) if name.startswith("spend") else 1e-9
        assert value == pytest.approx(expected[name], rel=1e-9, abs=room), name


# -- the definition --------------------------------------------------------------------------


@given(CUSTOMERS, DAYS, st.integers(-3, 400), st.sampled_from((CDNOW, BG)))
@example([], 19_000, 10, CDNOW)
@example([Customer()], 19_000, 10, CDNOW)
def test_the_grades_are_those_of_the_definition_lived_day_by_day(
    customers: list[Customer], today: int, back: int, parameters: ModelParameters
) -> None:
    found = graded(customers, today, today - back, parameters)
    money = max((abs(b.gross) / 100 for one in customers for b in one.buckets), default=0.0)
    assert_same(found, by_hand(customers, today, today - back, parameters), money)


def test_pareto_is_graded_by_the_same_definition() -> None:
    customers = [customer((0, 500)), customer((3, 700), (40, 900), (41, 100), (200, 400))]
    found = graded(customers, DAY + 300, DAY - 20, PARETO)
    assert found.forecasts > 15
    assert_same(found, by_hand(customers, DAY + 300, DAY - 20, PARETO))


def test_a_forecast_is_made_at_each_purchase_and_after_every_thirty_days_of_silence() -> None:
    purchases = purchase_days(histories([customer((0, 1), (70, 1))]), DAY + 105)
    made = forecasts(purchases, DAY - 10, DAY + 105)
    assert (made.made - DAY).tolist() == [0, 30, 60, 70, 100]
    assert made.horizon_days.tolist() == [30, 30, 30, 30, 5]
    assert made.bought.tolist() == [False, False, True, False, False]
    assert made.x.tolist() == [0, 0, 0, 1, 1]
    assert made.t_x_days.tolist() == [0, 0, 0, 70, 70]
    assert made.T_days.tolist() == [0, 30, 60, 70, 100]


def test_who_bought_before_the_first_graded_day_is_first_looked_at_on_that_day() -> None:
    purchases = purchase_days(histories([customer((0, 1), (50, 1), (70, 1))]), DAY + 105)
    made = forecasts(purchases, DAY + 60, DAY + 105)
    assert (made.made - DAY).tolist() == [60, 70, 100]
    assert made.bought.tolist() == [True, False, False]
    assert made.T_days.tolist() == [60, 70, 100]


def test_a_purchase_on_the_last_day_of_the_horizon_is_within_it() -> None:
    for gap, bought in ((30, [True, False]), (31, [False, True, False])):
        made = forecasts(
            purchase_days(histories([customer((0, 1), (gap, 1))]), DAY + 40), DAY, DAY + 40
        )
        assert made.bought.tolist() == bought


def test_what_is_graded_is_the_published_churn_of_that_day() -> None:
    assert CHURN_DAYS[0] == HORIZON_DAYS
    one = customer((0, 500), (20, 700))
    for days in (20, 33, 90):
        grades = graded([one], DAY + days + 30, DAY + days)
        churn = scored(one, days=days).churn_30[0]
        assert grades.forecasts == 1
        assert grades.expected == pytest.approx(1 - churn, rel=1e-12)


@given(st.sampled_from((-5, 0, 18_000, 19_004, 65_534)), CUSTOMERS)
def test_every_repeat_day_that_is_graded_ends_one_forecast(
    today: int, customers: list[Customer]
) -> None:
    found = graded(customers, today, today - 10)
    repeats = [
        day.day
        for one in customers
        for day in one.purchase_buckets[1:]
        if today - 10 < day.day <= today
    ]
    assert found.bought == sum(found.bin_bought) == len(repeats)
    assert found.forecasts == sum(found.bin_forecasts)
    assert found.expected == pytest.approx(sum(found.bin_expected))


# -- edges -----------------------------------------------------------------------------------


def test_days_after_today_have_not_been_yet() -> None:
    early, whole = customer((0, 500), (9, 500)), customer((0, 500), (9, 500), (11, 500))
    assert graded([whole], DAY + 10, DAY - 5) == graded([early], DAY + 10, DAY - 5)
    assert graded([whole], DAY - 1, DAY - 5) == Prequential()
    assert graded([whole], DAY, DAY - 5) == Prequential()


def test_a_day_with_more_cancelled_than_bought_is_no_purchase_day() -> None:
    one = customer((0, 500), (9, 500))
    at = DAY + 5
    money = ("c", "x", "o", at * DAY_SECONDS * 10**6, at, "USD", 900, 900)
    one.apply(Cancellation(*money, occurred_day=at))
    assert any(bucket.orders < 0 for bucket in one.buckets)
    found = graded([one], DAY + 20, DAY)
    assert found == graded([customer((0, 500), (9, 500))], DAY + 20, DAY)


def test_money_beyond_64_bits_does_not_blur_the_cents_of_others() -> None:
    rich, poor = customer((0, 10**30), (5, 10**30), (9, 10**30)), customer((0, 500), (9, 700))
    both, alone = graded([rich, poor, rich], DAY + 20, DAY), graded([poor], DAY + 20, DAY)
    others = graded([rich], DAY + 20, DAY)
    assert both.spend_actual == pytest.approx(4e28)
    assert both.spends == 2 * others.spends + alone.spends == 5
    last = graded([rich, customer((0, 500), (9, 700), (12, 800))], DAY + 20, DAY + 10)
    assert last.spend_expected == pytest.approx(naive.expected_spend(CDNOW, [700], 100))
    assert last.spend_error_sum == pytest.approx(abs(last.spend_expected - 8.0))


def test_who_has_money_that_could_not_be_converted_is_left_out_of_spend_alone() -> None:
    one = customer((0, 500), (9, 500))
    foreign = Purchase("c", "f", "f", DAY * DAY_SECONDS * 10**6, DAY, "EUR", 900, None)
    before = graded([one], DAY + 20, DAY)
    one.apply(foreign)
    after = graded([one], DAY + 20, DAY)
    assert (before.spends, after.spends) == (1, 0)
    assert (after.log_loss_sum, after.gap_sum) == (before.log_loss_sum, before.gap_sum)


def test_without_a_forecast_there_is_no_mean() -> None:
    nothing = graded([Customer()], DAY, DAY - 5)
    assert nothing == Prequential() == graded([], DAY, DAY - 5)
    means = ("log_loss", "brier", "bias", "drift", "spend_mae", "spend_bias", "gap")
    assert {getattr(nothing, name) for name in means} == {None}


def test_a_wrong_certainty_costs_much_and_not_infinitely_much() -> None:
    at_once = replace(BG, r=1e6, alpha=1e-6, a=1e-6, b=1e6)
    silent = graded([customer((0, 500))], DAY + 30, DAY, at_once)
    assert silent.expected == 1
    assert silent.log_loss == pytest.approx(-log(1e-12))
    assert silent.brier == pytest.approx(1)


# -- the first graded day --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fitted_at", "lineage", "first"),
    [
        (None, {}, DAY - GRADED_DAYS),
        (DAY * DAY_SECONDS, {}, DAY + 1),
        ((DAY - 9) * DAY_SECONDS, {"as_of": (DAY - 20) * DAY_SECONDS + 86_399}, DAY - 19),
        (None, {"as_of": (DAY - 900) * DAY_SECONDS}, DAY - GRADED_DAYS),
        ((DAY - 9) * DAY_SECONDS, {"as_of": "yesterday"}, DAY - 8),
        (None, {"as_of": True}, DAY - GRADED_DAYS),
        (None, {"as_of": 10**40}, 65_535),
        (None, {"as_of": -(10**40)}, DAY - GRADED_DAYS),
    ],
)
def test_nothing_is_graded_that_the_model_was_fitted_to(
    fitted_at: int | None, lineage: dict[str, Any], first: int
) -> None:
    model = replace(CDNOW, fitted_at=fitted_at, lineage=lineage)
    assert graded_from(model, today=DAY, calendar=Calendar("UTC")) == first


def test_the_first_graded_day_is_one_of_the_business() -> None:
    model = replace(CDNOW, fitted_at=DAY * DAY_SECONDS + 20 * 3600)
    assert graded_from(model, today=DAY, calendar=Calendar("Asia/Tokyo")) == DAY + 2


# -- sums ------------------------------------------------------------------------------------


@given(CUSTOMERS, st.integers(0, 6), st.randoms(use_true_random=False))
def test_parts_add_up_in_any_order(customers: list[Customer], cut: int, chance: Any) -> None:
    today, from_day = 19_050, 18_990
    whole = asdict(graded(customers, today, from_day))
    parts = [graded(customers[:cut], today, from_day), graded(customers[cut:], today, from_day)]
    money = max((abs(b.gross) / 100 for one in customers for b in one.buckets), default=0.0)
    assert_same(sum(parts, Prequential()), whole, money)
    shuffled = list(customers)
    chance.shuffle(shuffled)
    assert_same(graded(shuffled, today, from_day), whole, money)
