"""MBG/NBD against 40-digit values."""

from __future__ import annotations

import numpy as np
import pytest

from stream_app.core.models.mbg_nbd import MbgNbd

ROUNDED = MbgNbd(r=0.525, alpha=6.183, a=0.891, b=1.614)
"""The CDNOW fit as published."""


@pytest.mark.parametrize(
    ("x", "t_x", "T", "likelihood", "alive", "expected", "buys", "age"),
    [
        (0, 0, 39, -0.54047212122, 0.38934764866, 0.15343944845, 0.016958873891, 12.989423386),
        (2, 30.43, 38.86, -9.4855513145, 0.70620226512, 1.2629606233, 0.13652214758, 57.565670976),
        (26, 216 / 7, 31, -38.322056428, 0.96549805477, 19.449351034, 0.90126731812, 35.976287306),
        (10, 20, 39, -24.317815741, 0.040120163232, 0.28168710191, 0.023690744772, 27.234006291),
    ],
)
def test_values_to_40_digits(
    x: float, t_x: float, T: float, likelihood: float, alive: float, expected: float, buys: float,
    age: float,
) -> None:  # fmt: skip
    found = (
        ROUNDED.log_likelihood(x, t_x, T),
        ROUNDED.p_alive(x, t_x, T),
        ROUNDED.expected_purchases(39, x, t_x, T),
        ROUNDED.p_buy(4, x, t_x, T),
        ROUNDED.age_at(0.5, x, t_x),
    )
    assert np.array(found) == pytest.approx((likelihood, alive, expected, buys, age), rel=1e-9)


def test_a_one_time_buyer_starts_at_b_of_a_and_b() -> None:
    assert float(ROUNDED.p_alive(0, 0, 0)) == pytest.approx(1.614 / (0.891 + 1.614))
    assert round(float(ROUNDED.p_alive(0, 0, 0)), 3) == 0.644


def test_a_chance_below_the_smallest_double_is_zero() -> None:
    with np.errstate(all="raise", under="ignore"):
        assert float(ROUNDED.p_alive(10_000, 100, 150)) == 0.0
        assert float(ROUNDED.expected_purchases(52, 10_000, 100, 150)) == 0.0
