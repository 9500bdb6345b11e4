"""The currencies of ISO 4217 and how many digits each has after the point.

A list of its own, typed from the standard: list one (active codes), and what list three says was
withdrawn since 2011, since an old log still holds purchases in them.  So a wrong digit in the
stream's table is found rather than shared.  Codes without a minor unit (metals, bond units, test
and "no currency" codes) are no money a customer can pay with and are left out.
"""

from __future__ import annotations

_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DIGITS = "CLF UYW"
_TWO_DIGITS = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF
CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL
MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR
PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP
TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""
_WITHDRAWN_TWO_DIGITS = "ANG BGN CUC EEK HRK LTL LVL MRO SLL STD VEF ZMK ZWL"
_WITHDRAWN_NO_DIGITS = "BYR"


def minor_digits() -> dict[str, int]:
    """Code -> digits after the point.

    >>> digits = minor_digits()
    >>> digits["USD"], digits["KRW"], digits["KWD"], digits["CLF"], "XAU" in digits
    (2, 0, 3, 4, False)
    """
    columns = (
        (0, _NO_DIGITS + " " + _WITHDRAWN_NO_DIGITS),
        (2, _TWO_DIGITS + _WITHDRAWN_TWO_DIGITS),
        (3, _THREE_DIGITS),
        (4, _FOUR_DIGITS),
    )
    return {code: digits for digits, codes in columns for code in codes.split()}
