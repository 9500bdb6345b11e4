"""A customer's facts as the fields of the published hash, text for text."""

from __future__ import annotations

from collections.abc import Callable

from stream_app.jobs.recount.instant import day_text
from stream_app.jobs.recount.ledger import Facts

ALWAYS = ("rev", "currency", "revenue", "orders")
FACT_FIELDS = (
    *ALWAYS,
    "aov",
    "first_order",
    "last_order",
    "signup",
    "cohort",
    "channel",
    "frequency",
    "recency",
    "repeat_gross",
    "monetary",
)


def fact_fields(facts: Facts, currency: str, day_of: Callable[[int], int]) -> dict[str, str]:
    """Field -> text, without those that are unknown; `day_of` turns microseconds into a day.

    >>> from stream_app.jobs.recount.ledger import Ledger
    >>> fact_fields(Ledger().facts(), "USD", lambda at_us: 0)
    {'rev': '0', 'currency': 'USD', 'revenue': '0', 'orders': '0'}
    """
    fields = {
        "rev": str(facts.rev),
        "currency": currency,
        "revenue": str(facts.revenue),
        "orders": str(facts.orders),
    }
    if facts.signup is not None:
        fields["signup"] = day_text(day_of(facts.signup[0]))
        fields["cohort"] = fields["signup"][:-3]
        if facts.channel is not None:
            fields["channel"] = facts.channel
    if facts.first_day is not None and facts.last_day is not None:
        fields |= _purchase_fields(facts, facts.first_day, facts.last_day)
    return fields


def _purchase_fields(facts: Facts, first_day: int, last_day: int) -> dict[str, str]:
    fields = {
        "first_order": day_text(first_day),
        "last_order": day_text(last_day),
        "frequency": str(facts.frequency),
        "recency": str(facts.recency),
        "repeat_gross": str(facts.repeat_gross),
    }
    if facts.average_order is not None:
        fields["aov"] = str(facts.average_order)
    if facts.monetary_hundredths is not None:
        fields["monetary"] = _hundredths(facts.monetary_hundredths)
    return fields


def _hundredths(value: int) -> str:
    """Two digits after the point.

    >>> _hundredths(-105), _hundredths(7)
    ('-1.05', '0.07')
    """
    whole, rest = divmod(abs(value), 100)
    return f"{'-' if value < 0 else ''}{whole}.{rest:02}"
