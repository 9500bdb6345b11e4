"""Decimal texts into exact amounts and rates; never through a float, and never expanded.

An amount in a string is plain decimal notation (``12.34``); one that is a JSON number may have an
exponent (``1.2e3``), since JSON's numbers do. ASCII digits only, no plus sign, no spaces. What an
amount is worth is decided by counting digits, so ``1e999999999`` costs as little as ``1``.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from stream_app.core.money import MAX_MINOR
from stream_app.wire.refusal import Reason, Refused, quoted

_PLAIN: Final = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
_NUMBER: Final = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_RATE: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
_MAX_DIGITS: Final = len(str(MAX_MINOR))
_EXTREME: Final = 10**18
"""Stands for every exponent beyond it; a value has fewer digits than this."""
RATE_DIGITS: Final = 18
RATE_BELOW: Final = 10**9


class Decimal(NamedTuple):
    """``digits`` x 10^``power``, neither end of the digits a zero; zero has no digits."""

    digits: str
    power: int


class Rate(NamedTuple):
    """``digits`` / 10^``scale`` base-currency units for one unit of a currency."""

    digits: int
    scale: int


def decimal_of(text: str, *, is_number: bool) -> Decimal | None:
    """An amount as it is written, not below zero (-0 is zero); None where it is malformed.

    >>> decimal_of("012.50", is_number=False), decimal_of("-0.0", is_number=False)
    (Decimal(digits='125', power=-1), Decimal(digits='', power=0))
    >>> decimal_of("1e999999999999999999999", is_number=True).digits
    '1'
    >>> decimal_of("1e3", is_number=False) or decimal_of("-1", is_number=False)
    """
    found = (_NUMBER if is_number else _PLAIN).fullmatch(text)
    if found is None:
        return None
    sign, whole, fraction = found[1], found[2], found[3] or ""
    written = (whole + fraction).lstrip("0")
    digits = written.rstrip("0")
    if not digits:
        return Decimal("", 0)
    if sign:
        return None
    exponent = _exponent(found[4]) if is_number and found[4] else 0
    return Decimal(digits, exponent - len(fraction) + len(written) - len(digits))


def minor_units(amount: Decimal, exponent: int) -> int | None:
    """Minor units of a currency with so many digits; None where the amount has more of them.

    Anything above the limit of an amount may come back as any number above it.
    """
    if not amount.digits:
        return 0
    power = amount.power + exponent
    if power < 0:
        return None
    if len(amount.digits) + power > _MAX_DIGITS:
        return MAX_MINOR + 1
    return int(amount.digits + "0" * power)


def checked_minor(text: str, currency: str, exponent: int | None, *, is_number: bool) -> int:
    """Minor units of an amount; Refused where it breaks a rule.

    Without an ``exponent`` (nobody knows the currency) the currency is what is refused.
    """
    amount = decimal_of(text, is_number=is_number)
    if amount is None:
        form = "a decimal number such as 12.34, not negative"
        raise Refused(Reason.BAD_AMOUNT, f"amount is {quoted(text)}; it must be {form}")
    if exponent is None:
        example = "an ISO 4217 code in capitals, such as USD"
        raise Refused(Reason.UNKNOWN_CURRENCY, f"currency is {quoted(currency)}, not {example}")
    minor = minor_units(amount, exponent)
    if minor is None:
        limit = f"{currency} has {exponent} digits after the point"
        raise Refused(Reason.AMOUNT_PRECISION, f"amount is {quoted(text)}; {limit}")
    if minor > MAX_MINOR:
        limit = f"it must not be over 10^15 minor units of {currency}"
        raise Refused(Reason.AMOUNT_TOO_LARGE, f"amount is {quoted(text)}; {limit}")
    return minor


def rate_of(text: str) -> Rate | None:
    """An exchange rate: a decimal, 0 < rate < 10^9, at most 18 digits as written; else None.

    >>> rate_of("1.0825"), rate_of("0.0"), rate_of("1e3")
    (Rate(digits=10825, scale=4), None, None)
    """
    if len(text) > RATE_DIGITS + 1 or not _RATE.fullmatch(text):
        return None
    whole, _, fraction = text.partition(".")
    if len(whole) + len(fraction) > RATE_DIGITS or int(whole) >= RATE_BELOW:
        return None
    digits = int(whole + fraction)
    return Rate(digits, len(fraction)) if digits else None


def _exponent(text: str) -> int:
    size = text.lstrip("+-").lstrip("0")
    exponent = int(size or "0") if len(size) < len(str(_EXTREME)) else _EXTREME
    return -exponent if text[0] == "-" else exponent
