"""Laws of every model of buying: finite, between its bounds, and falling through silence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.models.bg_nbd import BgNbd
from stream_app.core.models.falls import NEVER, day_of_fall
from stream_app.core.models.mbg_nbd import MbgNbd
from stream_app.core.models.parameters import LARGEST, SMALLEST
from stream_app.core.models.pareto_nbd import ParetoNbd
from stream_app.core.models.purchase_model import PurchaseModel

KINDS = pytest.mark.parametrize("kind", [MbgNbd, BgNbd, ParetoNbd])
usual = st.floats(0.05, 50)
any_legal = st.one_of(st.floats(SMALLEST, LARGEST), st.sampled_from([SMALLEST, 1.0, LARGEST]))
frequencies = st.integers(0, 10_000)
day_counts = st.integers(0, 30_000)
thetas = st.floats(0.01, 0.99)

Kind = type[MbgNbd] | type[BgNbd] | type[ParetoNbd]


def history(x: int, recency: int) -> tuple[np.ndarray, np.ndarray]:
    """x and t_x as columns of one, with days enough for x repeats."""
    days = max(recency, x) if x else 0
    return np.array([float(x)]), np.array([days / 7.0])


@KINDS
@given(st.tuples(*[any_legal] * 4), frequencies, day_counts, day_counts, thetas)
def test_answers_are_finite_and_silent_for_any_legal_parameters(
    kind: Kind, own: tuple[float, ...], x: int, recency: int, idle: int, theta: float
) -> None:
    model: PurchaseModel = kind(*own)
    frequency, t_x = history(x, recency)
    T = t_x + idle / 7.0
    with np.errstate(all="raise", under="ignore"):
        p_alive = model.p_alive(frequency, t_x, T)
        p_buy = model.p_buy(90 / 7, frequency, t_x, T)
        expected = model.expected_purchases(365 / 7, frequency, t_x, T)
        wait = model.next_purchase(0.5, frequency, T, p_alive)
        age = model.age_at(theta, frequency, t_x)
        assert np.isfinite(model.log_likelihood(frequency, t_x, T)).all()
    assert 0 <= p_alive[0] <= 1
    assert 0 <= p_buy[0] <= 1
    assert 0 <= expected[0] < np.inf
    assert wait[0] >= 0
    assert not np.isnan(age[0])


@KINDS
@given(st.tuples(*[usual] * 4), frequencies, day_counts, st.lists(day_counts, min_size=2))
def test_chances_and_expectations_never_rise_through_silence(
    kind: Kind, own: tuple[float, ...], x: int, recency: int, idle: list[int]
) -> None:
    model: PurchaseModel = kind(*own)
    frequency, t_x = history(x, recency)
    days = np.array(sorted({each + extra for each in idle for extra in (0, 1)}))
    T = t_x + days / 7.0
    with np.errstate(all="raise", under="ignore"):
        falling = (
            model.p_alive(frequency, t_x, T),
            model.expected_purchases(365 / 7, frequency, t_x, T),
            model.p_buy(30 / 7, frequency, t_x, T),
        )
    for column in falling:
        assert (np.diff(column) <= 1e-9 * column[:-1]).all()


@KINDS
@given(st.tuples(*[usual] * 4), frequencies, day_counts, thetas)
def test_the_day_of_the_fall_is_the_first_below_the_bound(
    kind: Kind, own: tuple[float, ...], x: int, recency: int, theta: float
) -> None:
    model: PurchaseModel = kind(*own)
    frequency, t_x = history(x, recency)
    day = int(day_of_fall(model, theta, frequency, t_x)[0])
    if day < 1_000_000:
        assert model.p_alive(frequency, t_x, np.maximum(day / 7.0, t_x)) < theta
        if (day - 1) / 7.0 >= t_x:
            assert model.p_alive(frequency, t_x, (day - 1) / 7.0) >= theta
    if day == NEVER:
        assert model.p_alive(frequency, t_x, t_x + 60_000) >= theta


def test_a_bound_met_exactly_on_a_whole_day_is_broken_on_the_next() -> None:
    # P(alive) = 1 / (1 + (1 + T) / 1): exactly one half at T = 0, one third at T = 1 week.
    model = MbgNbd(r=1.0, alpha=1.0, a=1.0, b=1.0)
    start = np.zeros(1)
    assert day_of_fall(model, 0.5, start, start).tolist() == [1]
    third = float(model.p_alive(0, 0, 1))
    assert day_of_fall(model, third, start, start).tolist() == [8]


@KINDS
def test_no_bound_is_never_broken_and_a_bound_of_one_at_once(kind: Kind) -> None:
    model: PurchaseModel = kind(0.5, 6.0, 0.9, 1.6)
    x, t_x = np.array([3.0]), np.array([10.0])
    assert day_of_fall(model, 0.0, x, t_x).tolist() == [NEVER]
    assert day_of_fall(model, 1.0, x, t_x)[0] <= 71


def test_a_one_time_buyer_never_falls_in_a_model_that_keeps_him_alive() -> None:
    start = np.zeros(1)
    assert day_of_fall(BgNbd(0.2, 4.4, 0.8, 2.4), 0.6, start, start).tolist() == [NEVER]
