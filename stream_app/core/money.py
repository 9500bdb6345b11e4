"""Currencies and their minor units, and exact conversion between them.

Money is whole minor units everywhere: 1234 of USD is 12.34, 1234 of KRW is 1234.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

MAX_MINOR: Final = 10**15
"""Largest amount of one event, in minor units of its currency."""

_TWO_DIGITS: Final = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD
HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK
MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD
RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH
USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""
_NO_DIGITS: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS: Final = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DIGITS: Final = "CLF UYW"
_WITHDRAWN_TWO_DIGITS: Final = "ANG BGN CUC EEK HRK LTL LVL MRO SLL STD VEF ZMK ZWL"
_WITHDRAWN_NO_DIGITS: Final = "BYR"
"""Withdrawn since 2011; a log that is replayed still holds purchases made in them."""

EXPONENTS: Final = MappingProxyType(
    dict.fromkeys(_TWO_DIGITS.split() + _WITHDRAWN_TWO_DIGITS.split(), 2)
    | dict.fromkeys(_NO_DIGITS.split() + _WITHDRAWN_NO_DIGITS.split(), 0)
    | dict.fromkeys(_THREE_DIGITS.split(), 3)
    | dict.fromkeys(_FOUR_DIGITS.split(), 4)
)
"""ISO 4217: digits after the point of each currency. Codes without a minor unit (metals, bond
units, no currency, tests) are left out: nothing is bought in them."""


def divided_half_even(numerator: int, denominator: int) -> int:
    """The quotient rounded to the nearest whole number, a half to the even one; denominator > 0.

    >>> [divided_half_even(n, 2) for n in (1, 3, 5, -1, -3)]
    [0, 2, 2, 0, -2]
    """
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient % 2 == 1):
        return quotient + 1
    return quotient


def converted(
    amount_minor: int,
    *,
    currency: str,
    base_currency: str,
    rate_digits: int,
    rate_scale: int,
) -> int:
    """An amount in minor units of the base currency, rounded half even.

    The rate is ``rate_digits`` / 10^``rate_scale`` units of the base currency for one of
    ``currency``.

    >>> converted(1234, currency="EUR", base_currency="USD", rate_digits=10825, rate_scale=4)
    1336
    >>> converted(5000, currency="KRW", base_currency="USD", rate_digits=73, rate_scale=5)
    365
    """
    scale = rate_scale + EXPONENTS[currency] - EXPONENTS[base_currency]
    product = amount_minor * rate_digits
    if scale <= 0:
        return product * int(10**-scale)
    return divided_half_even(product, int(10**scale))
