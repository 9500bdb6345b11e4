"""BG/NBD against published sheets and 40-digit values."""

from __future__ import annotations

import numpy as np
import pytest

from stream_app.core.models.bg_nbd import BgNbd

ROUNDED = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
"""Fader, Hardie and Lee (2005), table 2."""
WALKTHROUGH = BgNbd(r=0.2425982, alpha=4.4136842, a=0.7929899, b=2.4261667)
"""The CDNOW fit of the BTYD package's walkthrough."""
FULL = BgNbd(r=0.242595, alpha=4.413602, a=0.792922, b=2.425907)


@pytest.mark.parametrize(
    ("x", "t_x", "T", "likelihood", "alive", "expected", "buys", "age"),
    [
        (0, 0, 39, -0.55549816084, 1, 0.1945307217, 0.021189230273, np.inf),
        (2, 30.43, 38.86, -9.4586063071, 0.72657857008, 1.2260281748, 0.13069432378, 62.491254322),
        (26, 216 / 7, 31, -37.726513328, 0.96885156285, 20.748353694, 0.91042640038, 35.956071904),
        (10, 20, 39, -24.283315378, 0.038114313212, 0.27665366181, 0.02266109621, 27.263608472),
        (2000, 300, 310, 1748.4548345, 2.109343556e-25, 4.993904138e-23, 2.109343556e-25,
         301.19451339),
    ],
)  # fmt: skip
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


def test_expected_purchases_of_a_new_customer_in_the_btyd_walkthrough() -> None:
    assert float(WALKTHROUGH.expected_purchases(52, 0, 0, 0)) == pytest.approx(1.444004, rel=1e-5)


def test_customer_1516_of_the_btyd_walkthrough() -> None:
    history = 26, 30.857142857, 31
    assert float(WALKTHROUGH.expected_purchases(52, *history)) == pytest.approx(25.75659, rel=1e-5)
    assert float(WALKTHROUGH.p_alive(*history)) == pytest.approx(0.9688523, rel=1e-5)


def test_increasing_frequency_paradox_of_the_btyd_walkthrough() -> None:
    expected = WALKTHROUGH.expected_purchases(52, [10, 15, 20, 25], 20, 39)
    published = [0.3474606, 0.04283391, 0.004158973, 0.0003583685]
    assert expected == pytest.approx(published, rel=1e-5)


def test_expected_purchases_over_time_in_hardies_sheet() -> None:
    weeks = [0.1429, 1, 3, 31.8571, 32, 78]
    published = [0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576]
    assert FULL.expected_purchases(weeks, 0, 0, 0) == pytest.approx(published, abs=5e-4)


def test_conditional_expectation_in_hardies_sheet() -> None:
    assert float(FULL.expected_purchases(39, 2, 30.43, 38.86)) == pytest.approx(1.226, abs=5e-4)


def test_a_one_time_buyer_stays_alive_for_ever() -> None:
    assert float(ROUNDED.p_alive(0, 0, 5000)) == 1.0
    assert float(ROUNDED.age_at(0.99, 0, 0)) == np.inf
