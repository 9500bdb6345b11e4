"""Pareto/NBD against published sheets, 40-digit values and its own likelihood."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.models.pareto_nbd import ParetoNbd

ROUNDED = ParetoNbd(r=0.553, alpha=10.578, s=0.606, beta=11.669)
"""The CDNOW fit as published."""
FULL = ParetoNbd(r=0.553277, alpha=10.577684, s=0.606240, beta=11.668742)
WALKTHROUGH = ParetoNbd(r=0.5533971, alpha=10.5801985, s=0.6060625, beta=11.6562237)

scales = st.floats(0.1, 100)


@pytest.mark.parametrize(
    ("x", "t_x", "T", "likelihood", "alive", "expected"),
    [
        (0, 0, 39, -0.52150741888, 0.29446703101, 0.10652671318),
        (2, 30.43, 38.86, -9.5542832452, 0.86916755915, 1.4551231933),
        (26, 216 / 7, 31, -39.131626976, 0.99787426061, 20.116129598),
    ],
)
def test_values_to_40_digits(
    x: float, t_x: float, T: float, likelihood: float, alive: float, expected: float
) -> None:
    found = (
        ROUNDED.log_likelihood(x, t_x, T),
        ROUNDED.p_alive(x, t_x, T),
        ROUNDED.expected_purchases(39, x, t_x, T),
    )
    assert np.array(found) == pytest.approx((likelihood, alive, expected), rel=1e-9)


def test_expected_purchases_of_a_new_customer() -> None:
    assert float(FULL.expected_purchases(52, 0, 0, 0)) == pytest.approx(1.473434, abs=1e-6)


def test_customer_1516_of_the_btyd_walkthrough() -> None:
    history = 26, 30.857142857, 31
    assert float(WALKTHROUGH.expected_purchases(52, *history)) == pytest.approx(25.45647, rel=5e-4)
    assert float(WALKTHROUGH.p_alive(*history)) == pytest.approx(0.997874, rel=5e-4)


def test_increasing_frequency_paradox_of_the_btyd_walkthrough() -> None:
    expected = WALKTHROUGH.expected_purchases(52, [10, 15, 20, 25], 20, 39)
    assert expected == pytest.approx([0.7062289, 0.1442396, 0.02250658, 0.00309267], rel=5e-4)


def test_a_silent_one_time_buyer_of_the_btyd_walkthrough() -> None:
    assert float(WALKTHROUGH.p_alive(0, 0, 39)) == pytest.approx(0.2941633, abs=1e-6)


def test_many_orders_in_a_week_and_then_silence() -> None:
    assert float(ROUNDED.log_death_odds(500, 1, 37)) == pytest.approx(701.42142807671, rel=1e-12)
    assert float(ROUNDED.p_alive(10_000, 100, 200)) == 0.0


@given(scales, scales, scales, scales, st.integers(0, 10_000), st.floats(0, 500), st.floats(0, 500))
def test_no_purchase_in_a_horizon_is_the_ratio_of_likelihoods(
    r: float, alpha: float, s: float, beta: float, x: int, t_x: float, idle: float
) -> None:
    model, T = ParetoNbd(r, alpha, s, beta), t_x + idle
    silent = model.log_likelihood(x, t_x, T + 13) - model.log_likelihood(x, t_x, T)
    assert float(model.p_buy(13, x, t_x, T)) == pytest.approx(-np.expm1(silent), abs=1e-9)


@given(scales, scales, scales, scales, st.integers(0, 10_000), st.floats(0, 500), st.floats(0, 500))
def test_the_next_purchase_has_come_with_the_chance_asked_for(
    r: float, alpha: float, s: float, beta: float, x: int, t_x: float, idle: float
) -> None:
    model, T = ParetoNbd(r, alpha, s, beta), t_x + idle
    weeks = float(model.next_purchase(0.5, x, T, model.p_alive(x, t_x, T)))
    if weeks < np.inf:
        assert float(model.p_buy(weeks, x, t_x, T)) == pytest.approx(0.5, abs=1e-9)
    else:
        assert float(model.p_buy(1e5, x, t_x, T)) <= 0.5


@given(scales, scales, scales, scales, st.integers(0, 10_000), st.floats(0, 500))
def test_p_alive_has_fallen_to_the_bound_at_the_age_solved_for(
    r: float, alpha: float, s: float, beta: float, x: int, t_x: float
) -> None:
    model = ParetoNbd(r, alpha, s, beta)
    age = float(model.age_at(0.33, x, t_x))
    if age < np.inf:
        assert age > t_x
        assert float(model.p_alive(x, t_x, age)) == pytest.approx(0.33, abs=1e-8)
    else:
        assert float(model.p_alive(x, t_x, t_x + 1e5)) > 0.33


def test_a_lifetime_shape_of_one_is_no_singularity() -> None:
    near = ParetoNbd(0.5, 10, 1 - 1e-9, 12), ParetoNbd(0.5, 10, 1, 12)
    expected = [float(model.expected_while_alive(52, 2, 39)) for model in near]
    assert expected[0] == pytest.approx(expected[1], rel=1e-6)
