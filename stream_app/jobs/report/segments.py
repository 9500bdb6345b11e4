"""Segments: tiers and their money, RFM, concentration, and the second purchase, as one object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stream_app.core.cohorts.lines import Known
from stream_app.core.cohorts.report import Asked, report
from stream_app.core.money import EXPONENTS
from stream_app.core.portfolio import SILENT_DAYS, TOP_SHARE, TierTotals, added
from stream_app.core.segments import SEGMENTS as NAMES
from stream_app.core.segments import TIERS, segment_of
from stream_app.wire.published_cohorts import PublishedCohorts
from stream_app.wire.segments import Segments


def segments_as_object(said: Iterable[Segments], bought: PublishedCohorts) -> dict[str, Any]:
    """All partitions together. Money is in whole minor units.

    Without a model nothing is known of silence, so nothing is said to be at risk.
    """
    said = list(said)
    whole = added(one.portfolio for one in said)
    tiers = {name: whole.tiers.get(name, TierTotals()) for name in TIERS}
    named = dict.fromkeys(NAMES, 0)
    for digits, count in whole.rfm.items():
        named[segment_of(digits)] += count
    models = sorted({one.model for one in said if one.model is not None})
    risks = [totals.at_risk_minor for totals in tiers.values()]
    return {
        "currency": bought.currency,
        "minor_units": EXPONENTS[bought.currency],
        "as_of": min(one.as_of for one in said),
        "models": models,
        "partitions": {"of": bought.partitions, "looked_over": len(said)},
        "customers": sum(totals.customers for totals in tiers.values()),
        "tiers": {
            name: {
                "customers": totals.customers,
                "revenue_minor": totals.revenue_minor,
                "ltv_365_minor": totals.ltv_365_minor,
                "at_risk_minor": totals.at_risk_minor if models else None,
            }
            for name, totals in tiers.items()
        },
        "at_risk": {
            "days": SILENT_DAYS,
            "minor": sum(risks) if models else None,
        },
        "segments": named,
        "rfm": {str(digits): count for digits, count in sorted(whole.rfm.items(), reverse=True)},
        "top_share": {"of_customers": TOP_SHARE, "of_revenue": whole.top_share()},
    }


def second_purchase(bought: PublishedCohorts, known: Known) -> dict[str, Any]:
    """Of all buyers: how many bought on a second day, and after how many days half of these."""
    made = report(bought.columns, Asked("first-purchase"), known)
    buyers = sum(line.buyers for line in made.every)
    members = sum(line.second_buyers for line in made.every)
    days: dict[int, int] = {}
    second = zip(
        bought.columns.second_days.tolist(), bought.columns.second_members.tolist(), strict=True
    )
    for after, count in second:
        days[after] = days.get(after, 0) + count
    return {
        "buyers": buyers,
        "members": members,
        "rate": members / buyers if buyers else None,
        "median_days": median(days),
    }


def median(counts: dict[int, int]) -> float | None:
    """The median of numbers with their counts; of an even count the mean of the middle two.

    >>> median({7: 2, 3: 1}), median({3: 1, 7: 1}), median({})
    (7.0, 5.0, None)
    """
    size = sum(counts.values())
    if not size:
        return None
    wanted = (size - 1) // 2, size // 2
    seen, found = 0, []
    for number, count in sorted(counts.items()):
        found += [number for place in wanted if seen <= place < seen + count]
        seen += count
    return sum(found) / 2
