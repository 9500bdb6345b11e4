"""The oracle itself, on cases small enough to work out on paper."""

from __future__ import annotations

from typing import Any

from tests.core.naive import facts
from tests.core.naive_score import Rules, hash_fields
from tests.core.naive_time import DAY_US, start_of

NOON = DAY_US // 2


def money(kind: str, number: int, day: int, minor: int, **more: Any) -> dict[str, Any]:
    """A money event of one customer at noon of a day."""
    event = {
        "type": kind,
        "customer_id": "c-1",
        "event_id": f"e{number}",
        "order_id": f"o{number}",
        "at_us": day * DAY_US + NOON,
        "currency": "USD",
        "amount_minor": minor,
        "base_minor": minor,
    }
    return event | more


def test_two_orders_and_a_refund() -> None:
    log = [
        money("purchase", 1, 19_000, 1000),
        money("purchase", 2, 19_010, 2001),
        money("refund", 3, 19_050, 500),
        money("purchase", 1, 19_010, 9999),  # the same identity: the first in the log stands
    ]
    fields = hash_fields(facts(log), 19_400 * 86_400, Rules())
    assert fields == {
        "rev": "3",
        "currency": "USD",
        "as_of": str(19_400 * 86_400),
        "revenue": "2501",
        "orders": "2",
        "aov": "1500",  # 1500.5: half to even
        "first_order": "2022-01-08",
        "last_order": "2022-01-18",
        "frequency": "1",
        "recency": "10",
        "repeat_gross": "2001",
        "monetary": "2001.00",
        "tier": "lost",  # 390 days of silence
        "ltv_365": "2733",  # 1500 x 2 x 365.25 / 401 = 2732.54
        "ltv": "5234",
        "ltv_formula": "8198",  # three years of it: 8197.63
        "basis": "formula",
    }


def test_a_cancellation_before_its_purchase_leaves_no_purchase_day() -> None:
    cancelled = money("cancellation", 1, 19_000, 1000, ordered_us=19_000 * DAY_US)
    alone = facts([cancelled])
    assert (alone.orders, alone.gross_minor, alone.negative_days) == (-1, -1000, 1)
    both = facts([cancelled, money("purchase", 1, 19_000, 1000)])
    assert (both.orders, both.gross_minor, both.negative_days) == (0, 0, 0)
    assert both.first_day is None
    assert both.rev == 2


def test_a_signup_only_customer_is_a_prospect_without_purchase_fields() -> None:
    signup = {
        "type": "signup",
        "customer_id": "c-1",
        "event_id": "s",
        "at_us": 19_000 * DAY_US,
        "channel": None,
    }
    fields = hash_fields(facts([signup]), 19_001 * 86_400, Rules(time_zone="America/New_York"))
    assert fields["signup"] == "2022-01-07"
    assert fields["cohort"] == "2022-01"
    assert fields["tier"] == "prospect"
    assert (fields["revenue"], fields["orders"]) == ("0", "0")
    assert not fields.keys() & {"channel", "aov", "first_order", "frequency", "at_risk_at"}


def test_tiers_fall_at_the_start_of_a_business_day() -> None:
    zone = "Europe/Berlin"
    rules = Rules(time_zone=zone)
    found = facts([money("purchase", 1, 19_000, 100)], time_zone=zone)
    for idle, tier in ((0, "new"), (29, "new"), (30, "active"), (90, "active"), (91, "at_risk")):
        fields = hash_fields(found, start_of(19_000 + idle, zone), rules)
        assert fields["tier"] == tier
    fields = hash_fields(found, start_of(19_000, zone), rules)
    assert fields["at_risk_at"] == str(start_of(19_091, zone))
    assert fields["lost_at"] == str(start_of(19_181, zone))
