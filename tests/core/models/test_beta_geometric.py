"""What BG/NBD and MBG/NBD share: the expectation against its integral, the next purchase."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.models.beta_geometric_expectation import (
    by_integral,
    expected_purchases_while_alive,
)
from stream_app.core.models.mbg_nbd import MbgNbd

MODEL = MbgNbd(r=0.525, alpha=6.183, a=0.891, b=1.614)
shapes = st.floats(0.01, 30)


@given(shapes, shapes, shapes, st.integers(0, 10_000), st.floats(1e-3, 50))
def test_the_closed_form_is_its_integral(a: float, b: float, r: float, x: int, h: float) -> None:
    closed = expected_purchases_while_alive(a, [b + x], [r + x], [h])
    assert float(closed[0]) == pytest.approx(by_integral(a, b + x, r + x, h), rel=1e-7)


@given(st.floats(0.997, 1.003), shapes, st.integers(0, 10_000))
def test_the_singularity_at_one_is_crossed(a: float, b: float, x: int) -> None:
    closed = expected_purchases_while_alive(a, [b + x], [0.5 + x], [0.7])
    assert float(closed[0]) == pytest.approx(by_integral(a, b + x, 0.5 + x, 0.7), rel=1e-9)


def test_the_integral_steps_in_where_the_closed_form_overflows() -> None:
    shapes_of_hundreds = 5.3, [295.0], [0.05], [52 / 0.0034]
    expected = float(expected_purchases_while_alive(*shapes_of_hundreds)[0])
    assert expected == pytest.approx(by_integral(5.3, 295.0, 0.05, 52 / 0.0034), rel=1e-12)


def test_the_integral_is_the_mean_of_its_integrand() -> None:
    chances = np.random.default_rng(1).beta(0.9, 2.6, 1_000_000)
    mean = np.mean((1 - (1 + chances * 1.5) ** -2.5) / chances)
    assert by_integral(0.9, 2.6, 2.5, 1.5) == pytest.approx(mean, rel=2e-3)


@given(st.integers(0, 10_000), st.floats(0, 500), st.floats(0, 500), st.floats(0.01, 0.99))
def test_the_next_purchase_has_come_with_the_chance_asked_for(
    x: int, t_x: float, idle: float, q: float
) -> None:
    T = t_x + idle
    p_alive = MODEL.p_alive(x, t_x, T)
    weeks = float(MODEL.next_purchase(q, x, T, p_alive))
    if float(p_alive) <= q:
        assert weeks == np.inf
    elif weeks < 1e12:  # farther away the chance has rounded to P(alive)
        assert float(MODEL.p_buy(weeks, x, t_x, T)) == pytest.approx(q, rel=1e-9)


def test_no_purchase_in_a_horizon_is_the_ratio_of_likelihoods() -> None:
    x, t_x, T, t = 3, 20.0, 39.0, 13.0
    silent = MODEL.log_likelihood(x, t_x, T + t) - MODEL.log_likelihood(x, t_x, T)
    assert 1 - float(MODEL.p_buy(t, x, t_x, T)) == pytest.approx(float(np.exp(silent)), rel=1e-12)
