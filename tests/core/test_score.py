"""Scores by example, worked out on paper, and at the edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stream_app.core.calendar import DAY_SECONDS, Calendar
from stream_app.core.customer import Customer
from stream_app.core.events import Cancellation, Purchase, Signup
from stream_app.core.models.day_starts import ABSENT
from stream_app.core.models.published import CDNOW
from stream_app.core.score import Scores, ScoreSettings
from stream_app.core.segments import TIERS, TierBounds
from tests.core.scoring import BG, DAY, PARETO, customer, scored


def tier(scores: Scores) -> str:
    return TIERS[scores.tier.item()]


def test_a_customer_worked_out_on_paper() -> None:
    # Days 0, 70, 140: x = 2, t_x = 20 weeks; on day 210 T = 30 weeks. Repeat days 20.00 and 40.00.
    found = scored(
        customer((0, 1000), (70, 2000), (140, 2500), (140, 1500), refunded=500), days=210
    )
    odds = 0.891 / (1.614 + 2) * ((6.183 + 30) / (6.183 + 20)) ** 2.525
    alive = 1 / (1 + odds)
    assert found.p_alive.item() == pytest.approx(alive, rel=1e-14)
    silent_30 = ((6.183 + 30) / (6.183 + 30 + 30 / 7)) ** 2.525
    assert found.churn_30.item() == pytest.approx(1 - alive * (1 - silent_30), rel=1e-14)
    # E of (1 - (1 + 1.441087172 p)^-2.525) / p over Beta(.891, 4.614), integrated to 30 digits.
    assert found.orders_365.item() == pytest.approx(alive * 2.69117542868071, rel=1e-12)
    spend = 6.25 * (15.44 + 60) / (6.25 * 2 + 3.74 - 1)
    assert found.ltv_365_minor.item() == round(found.orders_365.item() * spend * 100)
    assert found.ltv_minor.item() == 6500 + found.ltv_365_minor.item()
    assert (found.revenue_minor.item(), found.aov_minor.item()) == (6500, 1750)
    assert found.monetary_hundredths.item() == 3000_00
    # T* of .60: (6.183 + 20) (2/3 x 3.614 / .891)^(1/2.525) - 6.183 weeks, then a whole day up.
    weeks = (6.183 + 20) * (2 / 3 * 3.614 / 0.891) ** (1 / 2.525) - 6.183
    assert found.at_risk_at.item() == (DAY + int(np.ceil(weeks * 7))) * DAY_SECONDS
    wait = (6.183 + 30) * ((1 - 0.5 / alive) ** (-1 / 2.525) - 1)
    assert found.next_order_at.item() == (DAY + 210) * DAY_SECONDS + np.ceil(wait * 604_800)
    assert tier(found) == "active"


def test_who_never_bought_is_a_prospect_with_nothing_computed() -> None:
    known = Customer()
    known.apply(Signup("c", "e", 0, DAY, None))
    found = scored(known, days=0)
    assert tier(found) == "prospect"
    assert not (found.bought | found.ordered | found.valued).any()
    assert np.isnan([found.p_alive, found.churn_30, found.churn_90, found.orders_365]).all()
    instants = found.at_risk_at, found.lost_at, found.next_order_at, found.next_fall_at
    assert [instant.item() for instant in instants] == [ABSENT] * 4


def test_nobody_has_no_scores() -> None:
    assert len(scored(days=0)) == 0


@pytest.mark.parametrize(
    ("days", "expected"), [(0, "new"), (29, "new"), (30, "at_risk"), (2000, "lost")]
)
def test_a_one_time_buyer_is_new_for_thirty_days(days: int, expected: str) -> None:
    assert tier(scored(customer((0, 1000)), days=days)) == expected


def test_a_new_customer_falls_when_new_ends_at_the_earliest() -> None:
    found = scored(customer((0, 1000)), days=3)
    assert found.at_risk_at.item() == (DAY + 30) * DAY_SECONDS
    assert found.next_fall_at.item() == (DAY + 30) * DAY_SECONDS
    assert found.lost_at.item() > found.at_risk_at.item()


def test_new_ends_also_for_who_never_falls() -> None:
    found = scored(customer((0, 1000)), days=3, parameters=BG)
    assert (found.at_risk_at.item(), found.lost_at.item()) == (ABSENT, ABSENT)
    assert found.next_fall_at.item() == (DAY + 30) * DAY_SECONDS


@pytest.mark.parametrize(
    ("days", "expected"), [(110, "active"), (111, "at_risk"), (200, "at_risk"), (201, "lost")]
)
def test_without_a_model_tiers_go_by_days_since_the_last_order(days: int, expected: str) -> None:
    found = scored(customer((0, 1000), (20, 1000)), days=days, parameters=None)
    assert tier(found) == expected
    assert found.model is None
    assert found.basis_reason == "no model"
    assert np.isnan(found.p_alive).all()
    assert found.next_order_at.item() == ABSENT


def test_without_a_model_the_year_ahead_is_the_formula_s() -> None:
    # Two orders in 731 days are .99932 a year, at 15.00: 1499 a year, 4497 in three.
    found = scored(customer((0, 1000), (20, 2000)), days=730, parameters=None)
    assert found.ltv_365_minor.item() == round(3000 * 365.25 / 731)
    assert found.ltv_formula_minor.item() == round(9000 * 365.25 / 731)
    assert found.ltv_minor.item() == 3000 + found.ltv_365_minor.item()


def test_before_the_last_purchase_time_stands_still_at_it() -> None:
    bought = customer((0, 1000), (70, 2000))
    early, then = scored(bought, days=-10), scored(bought, days=70)
    for name in ("T_days", "p_alive", "churn_90", "orders_365", "ltv_minor", "tier", "at_risk_at"):
        assert getattr(early, name) == getattr(then, name)
    assert early.next_order_at == then.next_order_at


def test_orders_taken_back_before_they_arrive_leave_no_average() -> None:
    found = Customer()
    at = DAY * DAY_SECONDS * 10**6
    found.apply(Purchase("c", "1", "1", at, DAY, "USD", 500, 500))
    for number in ("2", "3"):
        found.apply(
            Cancellation("c", number, number, at, DAY + 1, "USD", 900, 900, occurred_day=DAY + 2)
        )
    scores = scored(found, days=5)
    assert scores.statistics.orders.item() == -1
    assert (scores.bought.item(), scores.ordered.item(), scores.valued.item()) == (
        True,
        False,
        True,
    )
    assert scores.revenue_minor.item() == -1300
    assert not scored(found, days=5, parameters=None).valued.item()


def test_money_beyond_64_bits_stays_exact() -> None:
    rich, poor = customer((0, 10**24), (9, 3 * 10**24 + 1)), customer((0, 100))
    found = scored(rich, poor, days=20)
    assert found.revenue_minor.tolist() == [4 * 10**24 + 1, 100]
    assert found.aov_minor.tolist() == [2 * 10**24, 100]
    assert found.monetary_hundredths[0] == (3 * 10**24 + 1) * 100
    assert found.ltv_minor[0] == 4 * 10**24 + 1 + found.ltv_365_minor[0]


def test_money_of_other_currencies_is_scored_in_its_own_minor_units() -> None:
    bought = customer((0, 5000), (30, 5000))
    dollars, won = (
        scored(bought, days=40, settings=ScoreSettings(currency)) for currency in ("USD", "KRW")
    )
    spend = [6.25 * (15.44 + repeat) / (6.25 + 3.74 - 1) for repeat in (50, 5000)]
    assert dollars.ltv_365_minor.item() == round(dollars.orders_365.item() * spend[0] * 100)
    assert won.ltv_365_minor.item() == round(won.orders_365.item() * spend[1])


def test_refunds_of_the_population_lower_the_value_ahead() -> None:
    bought = customer((0, 5000), (30, 5000))
    gross = scored(bought, days=40).ltv_365_minor.item()
    net = scored(bought, days=40, parameters=replace(CDNOW, net_ratio=0.5)).ltv_365_minor.item()
    assert net == pytest.approx(gross / 2, abs=1)


def test_instants_are_starts_of_days_of_the_business() -> None:
    calendar = Calendar("America/New_York")
    found = scored(customer((0, 1000), (70, 2000)), days=75, calendar=calendar)
    for instant in (found.at_risk_at.item(), found.lost_at.item()):
        day = calendar.day_of(instant * 1_000_000)
        assert calendar.start_of(day) == instant


def test_within_a_day_only_the_next_order_moves() -> None:
    bought = customer((0, 1000), (7, 2000), (14, 500))
    morning, night = scored(bought, days=20), scored(bought, days=20, seconds=86_399)
    assert night.p_alive == morning.p_alive
    assert night.at_risk_at == morning.at_risk_at
    assert night.next_order_at.item() == morning.next_order_at.item() + 86_399


@pytest.mark.parametrize("parameters", [CDNOW, BG, PARETO], ids=lambda each: each.kind)
def test_ten_thousand_days_of_orders_are_scored(parameters: object) -> None:
    busy = customer(*((day, 100) for day in range(10_001)))
    for days in (10_000, 10_030, 20_000):
        found = scored(busy, days=days, parameters=parameters)  # type: ignore[arg-type]
        assert 0 <= found.p_alive.item() <= 1
        assert 0 <= found.orders_365.item() < 400
    assert (found.p_alive.item(), found.ltv_365_minor.item()) == (0.0, 0)


def test_bounds_are_settings() -> None:
    strict = ScoreSettings("USD", tiers=TierBounds(alive=0.99, at_risk=0.98, new_days=0))
    assert tier(scored(customer((0, 1000)), days=0, settings=strict)) == "lost"
