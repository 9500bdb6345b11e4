"""The oracle's money: which currencies there are, and texts into exact amounts."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

TWO_DIGITS = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD
HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK
MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD
RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH
USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW
"""
NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
FOUR_DIGITS = "CLF UYW"
EXPONENTS: dict[str, int] = (
    dict.fromkeys(TWO_DIGITS.split(), 2)
    | dict.fromkeys(NO_DIGITS.split(), 0)
    | dict.fromkeys(THREE_DIGITS.split(), 3)
    | dict.fromkeys(FOUR_DIGITS.split(), 4)
)
"""ISO 4217: digits after the point. Left out: codes without a minor unit (metals, tests, funds),
and those withdrawn lately, about which lists differ."""

DECIMAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")


class Amount(NamedTuple):
    """digits x 10^power, without trailing zeros in `digits`; zero is ("", 0)."""

    digits: str
    power: int

    def minor(self, exponent: int) -> int | None:
        """Whole minor units; None when the amount has more digits than the currency.

        Powers that no amount can have are capped, so that 1e999999999 costs nothing.
        """
        if not self.digits:
            return 0
        power = self.power + exponent
        return None if power < 0 else int(self.digits[:40]) * 10 ** min(power, 40)


def amount_of(written: str, *, is_number: bool) -> Amount | None:
    """An amount as it was written; None when malformed or below zero (-0 is zero)."""
    found = (NUMBER if is_number else DECIMAL).fullmatch(written)
    if found is None:
        return None
    whole, part = found[2], found[3] or ""
    exponent = _exponent(found[4]) if is_number and found[4] else 0
    stripped = (whole + part).lstrip("0")
    digits = stripped.rstrip("0")
    if not digits:
        return Amount("", 0)
    if found[1]:
        return None
    return Amount(digits, exponent - len(part) + len(stripped) - len(digits))


def _exponent(text: str) -> int:
    size = text.lstrip("+-").lstrip("0")
    capped = int(size or "0") if len(size) <= 15 else 10**15
    return -capped if text[0] == "-" else capped


def rate_of(text: str) -> Fraction | None:
    """An exchange rate: a decimal text, 0 < rate < 10^9, at most 18 digits as written."""
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or len(text.replace(".", "")) > 18:
        return None
    rate = Fraction(text)
    return rate if 0 < rate < 10**9 else None
