"""Currencies and exact conversion."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.money import EXPONENTS, converted, divided_half_even


@pytest.mark.parametrize(
    ("code", "exponent"),
    [("USD", 2), ("EUR", 2), ("JPY", 0), ("KRW", 0), ("ISK", 0), ("KWD", 3), ("TND", 3),
     ("CLF", 4), ("UYW", 4), ("CLP", 0), ("MGA", 2), ("HRK", 2), ("XCG", 2)],
)  # fmt: skip
def test_a_currency_has_the_digits_of_iso_4217(code: str, exponent: int) -> None:
    assert EXPONENTS[code] == exponent


@pytest.mark.parametrize("code", ["XXX", "XTS", "XAU", "BTC", "usd", ""])
def test_what_nothing_is_bought_in_is_no_currency(code: str) -> None:
    assert code not in EXPONENTS


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**20))
def test_division_rounds_half_to_even(numerator: int, denominator: int) -> None:
    assert divided_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(
    st.integers(0, 10**15),
    st.sampled_from(("USD", "KRW", "KWD", "CLF")),
    st.sampled_from(("USD", "KRW", "KWD", "CLF")),
    st.integers(1, 10**18),
    st.integers(0, 18),
)
def test_conversion_is_exact_and_rounded_once(
    minor: int, currency: str, base: str, digits: int, scale: int
) -> None:
    major = Fraction(minor, 10 ** EXPONENTS[currency])
    exact = major * Fraction(digits, 10**scale) * 10 ** EXPONENTS[base]
    found = converted(
        minor, currency=currency, base_currency=base, rate_digits=digits, rate_scale=scale
    )
    assert found == round(exact)
