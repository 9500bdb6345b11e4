"""The marketer's formula, in whole numbers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.models.formula import lifetime_value
from stream_app.core.models.whole_numbers import divided_half_even, whole


@pytest.mark.parametrize(
    ("value", "orders", "years", "lifetime"),
    [(7, 15, 40, 4200), (50, 2, 12, 1200), (30, 12, 2, 720)],
    ids=["coffee", "shop", "subscription"],
)
def test_textbook_examples(value: int, orders: int, years: int, lifetime: int) -> None:
    found = lifetime_value(np.array([value]), np.array([orders]), np.array([364]), Fraction(years))
    assert found.tolist() == [lifetime]


def test_a_customer_of_a_week_is_not_extrapolated() -> None:
    first_week, first_year = (
        lifetime_value(np.array([100]), np.array([3]), np.array([days]), Fraction(1))
        for days in (7, 364)
    )
    assert first_week.tolist() == first_year.tolist() == [300]


@given(
    st.integers(-(10**25), 10**25),
    st.integers(1, 10**6),
    st.integers(0, 65_535),
    st.fractions(Fraction(1, 100), 100, max_denominator=1000),
)
def test_it_is_exact_for_numbers_of_any_size(
    value: int, orders: int, T_days: int, years: Fraction
) -> None:
    column = np.array([value], dtype=np.int64 if abs(value) < 2**62 else object)
    found = lifetime_value(column, np.array([orders]), np.array([T_days]), years)
    year = Fraction(36525, 100)
    per_year = orders * year / max(Fraction(T_days + 1), year)
    assert found.tolist() == [round(value * per_year * years)]


def test_years_of_seventeen_digits_are_exact_for_any_order_and_for_none() -> None:
    years = Fraction("1.9999999999999858")
    found = lifetime_value(np.array([0, 100]), np.array([1, 3]), np.array([7, 7]), years)
    assert found.tolist() == [0, round(300 * years)]
    nobody = np.array([], np.int64)
    assert lifetime_value(nobody, nobody, nobody, years).tolist() == []


@given(st.integers(-(2**60), 2**60), st.integers(1, 2**60))
def test_division_rounds_halves_to_even(numerator: int, denominator: int) -> None:
    found = divided_half_even(np.array([numerator]), np.array([denominator]))
    assert found.tolist() == [round(Fraction(numerator, denominator))]


def test_floats_beyond_64_bits_become_whole_numbers_too() -> None:
    assert whole(np.array([0.5, 1.5, 1e30])).tolist() == [0, 2, int(1e30)]
