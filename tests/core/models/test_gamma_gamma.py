"""Gamma-Gamma against note 025's customers and 40-digit values."""

from __future__ import annotations

import numpy as np
import pytest

from stream_app.core.models.gamma_gamma import GammaGamma

ROUNDED = GammaGamma(p=6.25, q=3.74, gamma=15.44)
FULL = GammaGamma(p=6.2496, q=3.7442, gamma=15.4435)


@pytest.mark.parametrize(
    ("x", "m", "expected", "likelihood"),
    [
        (1, 11.77, 18.916852058, -3.7377096787),
        (2, 22.35, 24.663713911, -3.5513167597),
        (7, 73.74, 71.469670897, -6.0548673107),
    ],
)
def test_values_to_40_digits(x: float, m: float, expected: float, likelihood: float) -> None:
    assert float(ROUNDED.expected_spend(x, m)) == pytest.approx(expected, rel=1e-9)
    assert float(ROUNDED.log_likelihood(x, m)) == pytest.approx(likelihood, rel=1e-9)


def test_the_first_ten_customers_of_the_cdnow_sample() -> None:
    x = [2, 1, 0, 0, 0, 7, 1, 0, 2, 0]
    m = [22.35, 11.77, 0, 0, 0, 73.74, 11.77, 0, 25.55, 0]
    published = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    assert FULL.expected_spend(x, m) == pytest.approx(published, abs=0.01)


@pytest.mark.parametrize(("x", "m"), [(0, 0.0), (0, 50.0), (3, 0.0), (3, -20.0)])
def test_the_population_mean_where_there_is_nothing_to_learn_from(x: int, m: float) -> None:
    assert float(ROUNDED.expected_spend(x, m)) == pytest.approx(ROUNDED.population_mean())


def test_spend_of_a_frequent_customer_is_nearly_what_it_was() -> None:
    with np.errstate(all="raise"):
        assert float(ROUNDED.expected_spend(10_000, 80)) == pytest.approx(80, rel=1e-3)
