"""The sums over one partition's customers (`core.portfolio`), as Redis holds them: one JSON object.

    version        1
    as_of          Unix seconds at which the customers were scored
    model          id of the parameters; null by formula
    tiers          by tier: customers, revenue_minor, ltv_365_minor, at_risk_minor
    rfm            customers by their three digits
    concentration  by bin of revenue: customers, revenue; a bin n > 0 is above 1.002^(n-2) and up
                   to 1.002^(n-1) minor units, -n is the same below zero, 0 is nothing

Money is whole minor units of any size, exactly.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from stream_app.core.portfolio import Portfolio, TierTotals

VERSION: Final = 1


@dataclass(frozen=True)
class Segments:
    """What one partition says."""

    as_of: int
    model: str | None
    portfolio: Portfolio


def encode_segments(said: Segments) -> bytes:
    """
    >>> encode_segments(Segments(7, None, Portfolio(rfm={555: 2})))
    b'{"version":1,"as_of":7,"model":null,"tiers":{},"rfm":{"555":2},"concentration":{}}'
    """
    found = said.portfolio
    tiers = {name: asdict(totals) for name, totals in found.tiers.items()}
    answer: dict[str, Any] = {"version": VERSION, "as_of": said.as_of, "model": said.model}
    answer |= {"tiers": tiers, "rfm": found.rfm, "concentration": found.concentration}
    return json.dumps(answer, separators=(",", ":")).encode()


def decode_segments(value: bytes) -> Segments | None:
    """What was said; None where this is none that this version reads."""
    try:
        stored: dict[str, Any] = json.loads(value)
        if stored["version"] != VERSION:
            return None
        portfolio = Portfolio(
            {name: TierTotals(**totals) for name, totals in stored["tiers"].items()},
            {int(digits): count for digits, count in stored["rfm"].items()},
            {int(at): (count, minor) for at, (count, minor) in stored["concentration"].items()},
        )
        return Segments(stored["as_of"], stored["model"], portfolio)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
