"""Decimal text to minor units, rates, and one currency into another: exactly, or not at all."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

from stream_app.jobs.recount.parse import Number

LARGEST_MINOR = 10**15
_DECIMAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
_NUMBER = re.compile(_DECIMAL.pattern + "(?:[eE]([+-]?[0-9]+))?")  # JSON numbers have exponents
# 16 digits of money times 18 of rate, shifted by at most 4 places: 60 digits lose nothing.
_EXACT = Context(prec=60)


def read_amount(written: str | int, digits: int | None) -> int | str:
    """Minor units of an amount with `digits` after the point, or the reason it is refused.

    `digits` is None for an unknown currency: then only a malformed or negative amount can be told.

    >>> read_amount("12.34", 2), read_amount("1.230", 2), read_amount("-0.00", 2), read_amount(7, 3)
    (1234, 123, 0, 7000)
    >>> read_amount("1.234", 2), read_amount("NaN", 2), read_amount("-1", 2), read_amount("1e3", 0)
    ('amount_precision', 'bad_amount', 'bad_amount', 'bad_amount')
    >>> read_amount(Number("1e3"), 0), read_amount(Number("1E+99999999999999999999"), 0)
    (1000, 'amount_too_large')
    >>> read_amount("10000000000000", 2) == LARGEST_MINOR, read_amount("10000000000000.01", 2)
    (True, 'amount_too_large')
    """
    grammar = _DECIMAL if type(written) is str else _NUMBER
    match = grammar.fullmatch(str(written))
    if match is None:
        return "bad_amount"
    minus, whole, fraction = match[1], match[2], match[3] or ""
    figures = (whole + fraction).lstrip("0")
    if minus and figures:
        return "bad_amount"
    if digits is None:
        return "unknown_currency"
    shortest = figures.rstrip("0")
    if not shortest:
        return 0
    places = len(figures) - len(shortest) - len(fraction) + digits
    if grammar is _NUMBER and match[4]:
        places += _bounded(match[4])
    if places < 0:
        return "amount_precision"
    if len(shortest) + places > 16:
        return "amount_too_large"
    minor = int(shortest) * 10**places
    return minor if minor <= LARGEST_MINOR else "amount_too_large"


def _bounded(exponent: str) -> int:
    """The exponent; beyond ten digits only its sign matters, for no amount is that long.

    >>> _bounded("-07"), _bounded("+123456789012345")
    (-7, 12345678901)
    """
    minus = "-" if exponent[0] == "-" else ""
    return int(minus + (exponent.lstrip("+-").lstrip("0")[:11] or "0"))


def is_amount(written: str | int) -> bool:
    """Whether it can be an amount of any currency: a decimal, not negative."""
    return read_amount(Number(written), None) == "unknown_currency"


def read_rate(text: str) -> Decimal | None:
    """A conversion rate, 0 < rate < 10^9 in at most 18 digits; None when it is anything else.

    >>> read_rate("1.0825"), read_rate("0"), read_rate("-1"), read_rate("1000000000")
    (Decimal('1.0825'), None, None, None)
    >>> read_rate("0.00000000000000001"), read_rate("0.000000000000000001")
    (Decimal('1E-17'), None)
    """
    if len(text) > 19 or re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) is None:
        return None
    if len(text.replace(".", "")) > 18:
        return None
    rate = Decimal(text)
    return rate if 0 < rate < 10**9 else None


def convert(minor: int, rate: Decimal, digits_from: int, digits_to: int) -> int:
    """Minor units of another currency, rounded half even once.

    >>> convert(1000, Decimal("0.00075"), 0, 2), convert(250, Decimal("0.01"), 2, 2)
    (75, 2)
    """
    shifted = _EXACT.scaleb(_EXACT.multiply(Decimal(minor), rate), digits_to - digits_from)
    return int(shifted.to_integral_value(ROUND_HALF_EVEN))
