"""The oracle: a customer's facts by definition, from a list of every event, sorted.

It keeps all events, drops the second of one identity, and counts. No increments, no packing, no
merging: each figure is one sentence over the whole list. It shares no code with the product and
takes plain dicts, as `naive_decoder.judge` gives them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.core.naive_time import business_day, date_text, month_of

Event = dict[str, Any]
MONEY = ("purchase", "refund", "cancellation")


@dataclass(frozen=True)
class Facts:
    """What is true of one customer. Money in minor units of the base currency; days since 1970.

    None where nothing is known: a customer who never bought has no first day.
    """

    rev: int
    identities: int  # distinct money events and signups
    orders: int
    gross_minor: int
    refunds_minor: int
    revenue_minor: int
    purchase_days: int
    first_day: int | None
    last_day: int | None
    frequency: int | None
    recency_days: int | None
    repeat_gross_minor: int | None
    negative_days: int
    signup: tuple[int, str, str | None] | None  # (instant in us, event_id, channel)
    activity_months: frozenset[int]  # months since 1970-01
    other_currencies: dict[str, tuple[int, int]]  # (gross, refunds) in their own minor units
    days: dict[int, tuple[int, int, int]]  # (orders, gross, refunds); all-zero days left out
    max_at_us: int | None


def identity(event: Event) -> tuple[str, str, str]:
    """What makes two events one: customer, type and event id; of a cancellation, its order."""
    own = event["order_id"] if event["type"] == "cancellation" else event["event_id"]
    return event["customer_id"], event["type"], own


def distinct(events: Iterable[Event]) -> list[Event]:
    """The events without duplicates: of one identity the first in the log. Activities all stay."""
    first: dict[Any, Event] = {}
    for number, event in enumerate(events):
        active = event["type"] == "activity"
        first.setdefault(number if active else identity(event), event)
    return list(first.values())


def by_customer(events: Iterable[Event]) -> dict[str, list[Event]]:
    """Every customer's events, in the order of the log."""
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event["customer_id"], []).append(event)
    return found


def facts(events: Iterable[Event], *, time_zone: str = "UTC") -> Facts:
    """The facts of one customer whose events these are, in the order of the log."""
    kept = sorted(distinct(events), key=lambda event: event["at_us"])
    days = _days(kept, time_zone)
    bought = sorted(day for day, (orders, _, _) in days.items() if orders >= 1)
    gross = sum(day[1] for day in days.values())
    refunds = sum(day[2] for day in days.values())
    months = {
        month_of(business_day(event["at_us"], time_zone))
        for event in kept
        if event["type"] == "activity"
    }
    counted = [event for event in kept if event["type"] != "activity"]
    return Facts(
        rev=len(counted) + len(months),
        identities=len(counted),
        orders=sum(day[0] for day in days.values()),
        gross_minor=gross,
        refunds_minor=refunds,
        revenue_minor=gross - refunds,
        purchase_days=len(bought),
        first_day=bought[0] if bought else None,
        last_day=bought[-1] if bought else None,
        frequency=len(bought) - 1 if bought else None,
        recency_days=bought[-1] - bought[0] if bought else None,
        repeat_gross_minor=sum(days[day][1] for day in bought[1:]) if bought else None,
        negative_days=sum(1 for orders, _, _ in days.values() if orders < 0),
        signup=_signup(kept),
        activity_months=frozenset(months),
        other_currencies=_other_currencies(kept),
        days={day: sums for day, sums in days.items() if sums != (0, 0, 0)},
        max_at_us=max((event["at_us"] for event in kept), default=None),
    )


def _days(events: list[Event], time_zone: str) -> dict[int, tuple[int, int, int]]:
    days: dict[int, tuple[int, int, int]] = {}
    for event in events:
        if event["type"] not in MONEY:
            continue
        at_us = event["ordered_us"] if event["type"] == "cancellation" else event["at_us"]
        day = business_day(at_us, time_zone)
        orders, gross, refunds = days.get(day, (0, 0, 0))
        base = event["base_minor"] or 0  # without a rate: the order counts, its money does not
        if event["type"] == "purchase":
            days[day] = orders + 1, gross + base, refunds
        elif event["type"] == "cancellation":
            days[day] = orders - 1, gross - base, refunds
        else:
            days[day] = orders, gross, refunds + base
    return days


def _signup(events: list[Event]) -> tuple[int, str, str | None] | None:
    found = [event for event in events if event["type"] == "signup"]
    if not found:
        return None
    first = min(found, key=lambda e: (e["at_us"], e["event_id"], e["channel"] or ""))
    return first["at_us"], first["event_id"], first["channel"]


def _other_currencies(events: list[Event]) -> dict[str, tuple[int, int]]:
    sums: dict[str, tuple[int, int]] = {}
    for event in events:
        if event["type"] not in MONEY or event["base_minor"] is not None:
            continue
        gross, refunds = sums.get(event["currency"], (0, 0))
        amount = event["amount_minor"]
        if event["type"] == "refund":
            refunds += amount
        else:
            gross += amount if event["type"] == "purchase" else -amount
        sums[event["currency"]] = gross, refunds
    return {currency: total for currency, total in sums.items() if total != (0, 0)}


def half_even(value: Fraction) -> int:
    """Rounded to the nearest whole number, a half to the even one."""
    return round(value)


def fact_fields(found: Facts, *, time_zone: str, currency: str) -> dict[str, str]:
    """The fields of the published hash that are facts, as text; absent where unknown."""
    fields = {
        "rev": str(found.rev),
        "currency": currency,
        "revenue": str(found.revenue_minor),
        "orders": str(found.orders),
    }
    if found.signup is not None:
        fields["signup"] = date_text(business_day(found.signup[0], time_zone))
        fields["cohort"] = fields["signup"].rsplit("-", 1)[0]
        if found.signup[2] is not None:
            fields["channel"] = found.signup[2]
    if found.first_day is None or found.last_day is None:
        return fields
    if found.orders > 0:
        fields["aov"] = str(half_even(Fraction(found.gross_minor, found.orders)))
    fields["first_order"] = date_text(found.first_day)
    fields["last_order"] = date_text(found.last_day)
    fields["frequency"] = str(found.frequency)
    fields["recency"] = str(found.recency_days)
    fields["repeat_gross"] = str(found.repeat_gross_minor)
    if found.frequency and found.repeat_gross_minor is not None:
        hundredths = half_even(Fraction(found.repeat_gross_minor * 100, found.frequency))
        sign = "-" if hundredths < 0 else ""
        fields["monetary"] = f"{sign}{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}"
    return fields
