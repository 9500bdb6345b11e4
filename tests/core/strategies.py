"""Events for the laws: few ids, days and currencies, so that much coincides."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from stream_app.core.calendar import DAY_US
from stream_app.core.days import LAST_DAY
from stream_app.core.events import Activity, Cancellation, Event, Purchase, Refund, Signup

DAYS = st.one_of(st.integers(19_000, 19_010), st.integers(-1, LAST_DAY))
MONEY = st.one_of(
    st.integers(0, 1_000), st.integers(0, 2**31), st.just(10**15), st.integers(0, 10**26)
)
BASES = st.one_of(st.none(), MONEY)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """One event of one customer."""
    number = draw(st.integers(0, 25))
    day = draw(DAYS)
    at_us = max(day * DAY_US, 0) + draw(st.integers(0, 2))
    make = draw(st.sampled_from((Purchase, Purchase, Refund, Cancellation, Signup, Activity)))
    if make is Signup:
        return Signup(
            "c", f"e{number}", at_us, day, draw(st.sampled_from((None, "ad", "é", "ads")))
        )
    if make is Activity:
        return Activity("c", f"e{number}", at_us, day, draw(st.sampled_from(("login", "visit"))))
    base = draw(BASES)
    amount = draw(MONEY) if base is None else base
    currency = draw(st.sampled_from(("EUR", "KRW"))) if base is None else "USD"
    money: dict[str, Any] = {
        "customer_id": "c",
        "event_id": f"e{number}",
        "order_id": f"o{number}",
        "at_us": at_us,
        "day": day,
        "currency": currency,
        "amount_minor": amount,
        "base_minor": base,
    }
    if make is Cancellation:
        return Cancellation(**money, occurred_day=draw(DAYS))
    return Refund(**money) if make is Refund else Purchase(**money)


def identity(event: Event) -> tuple[type, str]:
    """What makes two events of one customer the same."""
    own = event.order_id if isinstance(event, Cancellation) else event.event_id
    return type(event), own


def distinct(log: list[Event]) -> list[Event]:
    """The log with one content for each identity; activities all stay."""
    first: dict[Any, Event] = {}
    for number, event in enumerate(log):
        first.setdefault(number if isinstance(event, Activity) else identity(event), event)
    return list(first.values())


LOGS = st.lists(events(), max_size=40).map(distinct)
