"""Published parameters, for a demonstration on the data they were published for. Not fitted by us.

The CDNOW sample: 2,357 customers who first bought in the first quarter of 1997, their purchases
up to 1997-09-30.
"""

from __future__ import annotations

from typing import Final

from stream_app.core.models.parameters import ModelParameters

CDNOW: Final = ModelParameters(
    id="cdnow-published",
    kind="mbg",
    currency="USD",
    time_zone="UTC",
    r=0.525,
    alpha=6.183,
    a=0.891,
    b=1.614,
    p=6.25,
    q=3.74,
    gamma=15.44,
    net_ratio=1.0,
    lineage={
        "source": "published, not fitted here",
        "data": "CDNOW sample, 2,357 customers, 1997-01-01 to 1997-09-30",
        "buying": "MBG/NBD; Hoppe and Wagner (2007), Marketing JRM 3(2), 75-90",
        "spending": "Gamma-Gamma; Fader, Hardie and Lee (2005), J. Marketing Research 42, 415-430",
        "net_ratio": "1: the sample has no refunds",
    },
)
"""MBG/NBD in weeks and Gamma-Gamma in US dollars, rounded as they were published."""
