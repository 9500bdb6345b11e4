"""Ageing: what is shown stays within a level of now, though nobody remembers what was shown."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.ageing import Movement, movements
from stream_app.core.calendar import DAY_SECONDS
from stream_app.core.customer import Customer
from stream_app.core.models.day_starts import ABSENT
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.core.score import Scores
from stream_app.core.segments import ACTIVE, AT_RISK
from tests.core import naive_levels
from tests.core.scoring import BG, DAY, PARETO, customer, scored

MODELS = pytest.mark.parametrize(
    "parameters", [CDNOW, BG, PARETO, None], ids=["mbg", "bg", "pareto", "formula"]
)
histories = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 10**7)), min_size=1, max_size=8)
drifts = st.sampled_from((0.0001, 0.003, 0.01, 0.07, 0.5, 1.0))
gaps = st.lists(st.one_of(st.just(1), st.integers(1, 400)), min_size=1, max_size=12)
seconds_of_a_day = st.integers(0, DAY_SECONDS - 1)


def moved(
    one: Customer, since: int, until: int, parameters: ModelParameters | None, drift: float
) -> Movement | None:
    """What silence did to one customer between two days."""
    before, after = (scored(one, days=each, parameters=parameters) for each in (since, until))
    return movements(before, after, parameters, drift)[0]


@MODELS
@given(
    history=histories,
    published=st.integers(-2, 1000),
    second=seconds_of_a_day,
    gaps=gaps,
    drift=drifts,
)
def test_after_a_sweep_what_is_shown_is_within_a_level_of_now(
    parameters: ModelParameters | None,
    history: list[tuple[int, int]],
    published: int,
    second: int,
    gaps: list[int],
    drift: float,
) -> None:
    one, swept = customer(*history), published
    shown = scored(one, days=published, seconds=second, parameters=parameters)
    for gap in gaps:
        today = swept + gap
        before = scored(one, days=swept, parameters=parameters)
        now = scored(one, days=today, seconds=second, parameters=parameters)
        if movements(before, now, parameters, drift)[0] is not None:
            shown = now
        swept = today
        near(shown, now, drift)
        assert shown.tier == now.tier
        due = shown.next_order_at.item()
        assert (due == ABSENT) == (now.next_order_at.item() == ABSENT)
        assert due == ABSENT or due > (DAY + today) * DAY_SECONDS


def near(shown: Scores, now: Scores, drift: float) -> None:
    """By less than `drift`: of itself for chances, of the value and a minor unit for values."""
    for name in ("p_alive", "churn_30", "churn_90"):
        was, is_now = (getattr(each, name).item() for each in (shown, now))
        assert np.isnan(was) == np.isnan(is_now)
        assert not abs(was - is_now) > drift * (1 + 1e-9)
    was, is_now = shown.orders_365.item(), now.orders_365.item()
    assert not abs(was - is_now) > is_now * drift * (1 + 1e-9)
    for name in ("ltv_365_minor", "ltv_minor", "ltv_formula_minor"):
        was, is_now = (int(getattr(each, name).item()) for each in (shown, now))
        base = int(now.ltv_365_minor.item()) if name == "ltv_minor" else is_now
        assert abs(was - is_now) <= abs(base) * drift + 2


@MODELS
@given(histories, st.integers(-2, 1500), st.integers(1, 30), drifts)
def test_who_has_moved_is_who_has_fallen_or_lies_on_another_level(
    parameters: ModelParameters | None,
    history: list[tuple[int, int]],
    since: int,
    days: int,
    drift: float,
) -> None:
    one = customer(*history)
    before, after = (
        scored(one, days=each, parameters=parameters) for each in (since, since + days)
    )

    def level(scores: Scores) -> list[float]:
        numbers = shown_by(scores)
        if parameters is None:
            return naive_levels.by_formula(numbers, drift)
        return naive_levels.by_model(numbers, parameters, drift)

    fell, drifted = before.tier.item() != after.tier.item(), level(before) != level(after)
    expected = "fall" if fell else "drift" if drifted else None
    assert movements(before, after, parameters, drift) == [expected]


def shown_by(scores: Scores) -> naive_levels.Shown:
    """One customer's numbers."""
    return naive_levels.Shown(
        scores.p_alive.item(),
        scores.churn_30.item(),
        scores.churn_90.item(),
        scores.orders_365.item(),
        scores.frequency.item(),
        scores.T_days.item(),
        scores.aov_minor.item() != 0,
        scores.next_order_at.item() != ABSENT,
    )


@MODELS
@given(histories, st.integers(-2, 1500))
def test_a_fall_is_seen_from_its_very_instant_on(
    parameters: ModelParameters | None, history: list[tuple[int, int]], since: int
) -> None:
    one = customer(*history)
    before = scored(one, days=since, parameters=parameters)
    instant = before.next_fall_at.item()
    if instant != ABSENT:
        day = instant // DAY_SECONDS - DAY
        then = scored(one, days=day, parameters=parameters)
        a_second_earlier = scored(one, days=day, seconds=-1, parameters=parameters)
        assert movements(before, then, parameters, 1.0) == ["fall"]
        assert movements(before, a_second_earlier, parameters, 1.0) != ["fall"]


@pytest.mark.parametrize(
    "model", [replace(BG, r=3.0, alpha=2.0), CDNOW, replace(CDNOW, r=20.0), PARETO]
)
@pytest.mark.parametrize("orders", [1, 2, 9])
def test_on_the_coarsest_grid_a_due_date_is_still_moved_before_it_is_a_day_old(
    model: ModelParameters, orders: int
) -> None:
    one = customer(*((day, 1000) for day in range(orders)))
    shown = last = scored(one, days=orders, parameters=model)
    dates = 0
    for day in range(orders + 1, orders + 500):
        now = scored(one, days=day, parameters=model)
        if movements(last, now, model, 1.0)[0] is not None:
            dates += now.next_order_at.item() not in (ABSENT, shown.next_order_at.item())
            shown = now
        last = now
        assert shown.next_order_at.item() == ABSENT or shown.next_order_at > now.as_of
    assert dates > 0 or orders == 1


@MODELS
@settings(max_examples=40)  # half a dozen days each
@given(histories, st.integers(-2, 1500), st.lists(st.integers(1, 60), min_size=2, max_size=5))
def test_who_moved_over_several_days_moved_on_one_of_them_and_the_other_way_round(
    parameters: ModelParameters | None, history: list[tuple[int, int]], since: int, gaps: list[int]
) -> None:
    one = customer(*history)
    days = [since, *(since + sum(gaps[: place + 1]) for place in range(len(gaps)))]
    steps = [moved(one, *pair, parameters, 0.01) for pair in pairwise(days)]
    assert (moved(one, days[0], days[-1], parameters, 0.01) is None) == (set(steps) == {None})


@pytest.mark.parametrize(("drift", "seen"), [(0.0001, {"drift"}), (0.05, {None, "drift"})])
def test_on_a_coarse_grid_most_days_move_nobody_and_on_a_fine_one_all_do(
    drift: float, seen: set[Movement | None]
) -> None:
    twice = customer((0, 1000), (60, 1000))
    assert {moved(twice, day, day + 1, CDNOW, drift) for day in range(70, 90)} == seen


def test_a_fall_goes_before_a_drift() -> None:
    twice = customer((0, 1000), (60, 1000))
    before, after = scored(twice, days=100), scored(twice, days=200)
    assert (before.tier.item(), after.tier.item()) == (ACTIVE, AT_RISK)
    assert movements(before, after, CDNOW, 0.0001) == ["fall"]


def test_by_formula_nothing_drifts_within_the_first_year() -> None:
    often = customer(*((day, 500) for day in range(0, 200, 10)))
    assert moved(often, 200, 280, None, 0.0001) is None
    assert moved(often, 364, 366, None, 0.0001) == "drift"


def test_who_never_bought_or_whose_orders_are_free_does_not_drift_by_formula() -> None:
    nobody, freeloader = Customer(), customer((0, 0), (10, 0))
    assert moved(nobody, 0, 4000, CDNOW, 0.0001) is None
    assert moved(freeloader, 400, 600, None, 0.0001) is None


def test_everybody_is_judged_alone() -> None:
    crowd = [customer((0, 1000), (each, 1000)) for each in range(1, 120, 7)]
    before, after = scored(*crowd, days=200), scored(*crowd, days=203)
    together = movements(before, after, CDNOW, 0.05)
    assert together == [moved(each, 200, 203, CDNOW, 0.05) for each in crowd]
    assert {None, "drift"} <= set(together)
