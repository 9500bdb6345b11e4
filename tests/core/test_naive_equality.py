"""Folding, in any order, gives the figures that the oracle counts from the whole list of events."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer, Outcome
from stream_app.core.models.statistics import statistics
from stream_app.wire.events import Decoder
from stream_app.wire.record import Record
from stream_app.wire.refusal import Refusal
from stream_app.wire.state import decode, encode
from tests.core import naive
from tests.core.naive_decoder import MAX_VALUE, TYPES, RawRecord, Refused, judge, reason_of
from tests.generate import Shape, generate
from tests.poison import POISONS

ZONES = ("UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland", "Europe/Berlin")
EVENTS = ("purchase", "refund", "cancellation", "signup", "activity")
ROLES = {"signup": "signups", "activity": "activity"}
POISON = {reason: 0.01 / 16 for reason in POISONS if reason not in ("too_large", "wrong_partition")}


@cache
def decoders_of(time_zone: str, currency: str) -> dict[str, Decoder]:
    """The product's decoders, by topic role; made once, since they hold tables."""
    calendar = Calendar(time_zone)
    return {role: Decoder(role, calendar, currency, MAX_VALUE) for role in TYPES}


def fold(
    records: Iterable[RawRecord], time_zone: str, currency: str = "USD"
) -> tuple[dict[str, Customer], list[Any]]:
    """The product: customers by id, and each record's outcome or reason."""
    decoders = decoders_of(time_zone, currency)
    customers: dict[str, Customer] = {}
    outcomes: list[Any] = []
    for raw in records:
        stamp = -1 if raw.timestamp_ms is None else raw.timestamp_ms
        record = Record(raw.role, 0, 0, stamp, raw.key, raw.value, raw.headers)
        event = decoders[raw.role].decode(record)
        if isinstance(event, Refusal):
            outcomes.append(str(event.reason))
        else:
            customer = customers.setdefault(event.customer_id, Customer())
            outcomes.append(customer.apply(event))
    return customers, outcomes


def count(records: Iterable[RawRecord], time_zone: str, currency: str = "USD") -> dict[str, Any]:
    """The oracle: facts by customer id."""
    events = []
    for raw in records:
        try:
            events.append(judge(raw, currency=currency))
        except Refused:
            continue
    grouped = naive.by_customer(events)
    return {key: naive.facts(own, time_zone=time_zone) for key, own in grouped.items()}


def assert_equal(customer: Customer, facts: naive.Facts) -> None:
    """Every figure of a customer, by name."""
    assert customer.rev == facts.rev
    assert customer.orders == facts.orders
    assert customer.gross_minor == facts.gross_minor
    assert customer.refunds_minor == facts.refunds_minor
    assert customer.revenue_minor == facts.revenue_minor
    assert customer.purchase_days == facts.purchase_days
    assert customer.first_day == facts.first_day
    assert customer.last_day == facts.last_day
    assert customer.frequency == facts.frequency
    assert customer.recency_days == facts.recency_days
    assert customer.repeat_gross_minor == facts.repeat_gross_minor
    assert customer.negative_days == facts.negative_days
    assert customer.unconverted == facts.other_currencies
    assert customer.active_months == sorted(facts.activity_months)
    assert customer.applied == facts.identities
    assert {bucket[0]: bucket[1:] for bucket in customer.buckets} == facts.days
    signup = customer.signup
    assert facts.signup == (signup and (signup.at_us, signup.event_id, signup.channel))


def assert_columns_equal(customers: dict[str, Customer], expected: dict[str, naive.Facts]) -> None:
    """The columns of all customers at once, as the models see them."""
    columns = statistics(list(customers.values()))
    for row, key in enumerate(customers):
        facts = expected[key]
        assert columns.orders[row] == facts.orders
        assert columns.gross_minor[row] == facts.gross_minor
        assert columns.refunds_minor[row] == facts.refunds_minor
        assert columns.purchase_days[row] == facts.purchase_days
        assert columns.first_day[row] == (-1 if facts.first_day is None else facts.first_day)
        assert columns.last_day[row] == (-1 if facts.last_day is None else facts.last_day)
        assert columns.repeat_gross_minor[row] == (facts.repeat_gross_minor or 0)
        assert columns.unconverted[row] == bool(facts.other_currencies)


def record_of(event: dict[str, Any]) -> RawRecord:
    """A record of an event that happened before the end of 2030."""
    role = ROLES.get(event["type"], "purchases")
    value = json.dumps(event).encode()
    return RawRecord(role, event["customer_id"].encode(), value, 1_924_992_000_000)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """One event of one of two customers; few ids and days, so that much coincides."""
    kind = draw(st.sampled_from(EVENTS))
    event: dict[str, Any] = {
        "type": kind,
        "customer_id": draw(st.sampled_from(("ann", "bob"))),
        "event_id": f"e{draw(st.integers(0, 12))}",
        "occurred_at": draw(_times()),
    }
    if kind == "signup":
        return event | {"channel": draw(st.sampled_from((None, "ads", "post")))}
    if kind == "activity":
        return event
    event |= {"order_id": f"o{draw(st.integers(0, 12))}"} | draw(_money())
    return event | {"ordered_at": event["occurred_at"]} if kind == "cancellation" else event


@st.composite
def _times(draw: st.DrawFn) -> str:
    day = draw(st.sampled_from(("1970-01-02", "2024-02-29", "2024-03-10", "2024-03-31")))
    clock = f"{draw(st.integers(0, 23)):02d}:{draw(st.sampled_from((0, 30, 59))):02d}"
    return f"{day}T{clock}:00.{draw(st.integers(0, 999)):03d}{draw(st.sampled_from(OFFSETS))}"


OFFSETS = ("Z", "+13:45", "-11:00", "+05:45")


@st.composite
def _money(draw: st.DrawFn) -> dict[str, str]:
    currency, digits = draw(st.sampled_from((("USD", 2), ("KRW", 0), ("KWD", 3), ("EUR", 2))))
    minor = draw(st.one_of(st.integers(0, 10), st.integers(0, 10**6), st.just(10**15)))
    text = str(minor).rjust(digits + 1, "0")
    amount = f"{text[:-digits]}.{text[-digits:]}" if digits else text
    rate = draw(st.sampled_from((None, "0.5", "0.00072", "3.25", "999999999.99")))
    money = {"amount": amount, "currency": currency}
    return money if rate is None or currency == "USD" else money | {"fx_rate": rate}


@given(st.lists(events(), max_size=40), st.sampled_from(ZONES))
@settings(max_examples=100, deadline=None)
def test_the_folded_customer_equals_the_oracle(log: list[dict[str, Any]], time_zone: str) -> None:
    records = [record_of(event) for event in log]
    customers, _ = fold(records, time_zone)
    expected = count(records, time_zone)
    assert customers.keys() == expected.keys()
    for key, facts in expected.items():
        assert_equal(customers[key], facts)
        assert_equal(decode(encode(customers[key])), facts)
    assert_columns_equal(customers, expected)


@given(st.lists(events(), max_size=30), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_events_does_not_matter(log: list[dict[str, Any]], rng: random.Random) -> None:
    """Of one identity one content: where two contents meet, the first in the log wins."""
    records = [record_of(event) for event in naive.distinct(log)]
    again = records + [record for record in records if rng.random() < 0.3]
    rng.shuffle(again)
    plain, _ = fold(records, "Europe/Berlin")
    mixed, _ = fold(again, "Europe/Berlin")
    assert {k: encode(c) for k, c in plain.items()} == {k: encode(c) for k, c in mixed.items()}


@pytest.mark.parametrize("time_zone", ZONES)
@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
def test_a_shop_s_log_with_poison_and_duplicates_equals_the_oracle(
    time_zone: str, shuffle: bool
) -> None:
    shape = Shape(
        seed=11, records=4_000, customers=60, days=900, foreign=0.2, duplicates=0.05, late=0.05,
        cancellations=0.05, refunds=0.08, zipf=1.0, shuffle=shuffle, poison=POISON,
    )  # fmt: skip
    records = list(generate(shape))
    customers, outcomes = fold(records, time_zone)
    expected = count(records, time_zone)
    assert customers.keys() == expected.keys()
    for key, facts in expected.items():
        assert_equal(customers[key], facts)
    assert_columns_equal(customers, expected)
    reasons = [None if isinstance(found, Outcome) else found for found in outcomes]
    assert reasons == [reason_of(raw) for raw in records]
    applied = sum(found is Outcome.APPLIED for found in outcomes)
    duplicate = sum(found is Outcome.DUPLICATE for found in outcomes)
    assert applied + duplicate + sum(reason is not None for reason in reasons) == len(records)
