"""The recount: every example of the schemas, and facts worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app.core.money import EXPONENTS
from stream_app.jobs.recount.currency import minor_digits
from stream_app.jobs.recount.facts import PartitionRecount
from stream_app.jobs.recount.instant import InstantReader, day_reader
from stream_app.jobs.recount.ledger import Facts
from stream_app.jobs.recount.read import Entry, Reader, Rules
from tests.examples import Example, accepted, refused
from tests.jobs.records import (
    Raw,
    activity,
    cancellation,
    purchase,
    record,
    refund,
    signup,
)

RULES = Rules(
    currency="USD",
    time_zone="UTC",
    partitioner="trust",
    partitions=1,
    largest_value_bytes=983_040,
)
TOPICS = {"purchases": "purchases", "signups": "signups", "activity": "activity"}


def read(example: Example) -> Entry | str:
    """What the recount makes of one example."""
    rules = Rules(
        currency=example.rules.get("currency", "USD"),
        time_zone=example.rules.get("time_zone", "UTC"),
        partitioner="murmur2" if "partitions" in example.rules else "trust",
        partitions=example.rules.get("partitions", 1),
        largest_value_bytes=983_040,
    )
    raw = example.raw
    seen = Raw(raw.role, raw.partition, 0, raw.timestamp_ms, raw.key, raw.value, raw.headers)
    return Reader(raw.role, rules).read(seen)


@pytest.mark.parametrize("example", accepted(), ids=lambda example: example.name)
def test_the_recount_accepts_what_the_schemas_accept(example: Example) -> None:
    entry = read(example)
    assert isinstance(entry, Entry), entry
    expected = example.event
    assert expected is not None
    identity = "order_id" if expected["type"] == "cancellation" else "event_id"
    booked_us = expected.get("ordered_us", expected["at_us"])
    zone = example.rules.get("time_zone", "UTC")
    assert entry.type == expected["type"]
    assert entry.customer == expected["customer_id"]
    assert entry.identity == expected[identity]
    assert entry.at_us == expected["at_us"]
    assert entry.day == expected.get("day", day_reader(zone)(booked_us))
    assert entry.channel == expected.get("channel")
    if "amount_minor" in expected:
        money = (entry.currency, entry.minor, entry.base_minor)
        assert money == (expected["currency"], expected["amount_minor"], expected["base_minor"])


@pytest.mark.parametrize("example", refused(), ids=lambda example: example.name)
def test_the_recount_refuses_what_the_schemas_refuse(example: Example) -> None:
    assert read(example) == example.expected_reason


def recount(*values: dict[str, Any], rules: Rules = RULES) -> PartitionRecount:
    """Values in the order of the log, each sent to the topic of its type."""
    counted = PartitionRecount(TOPICS, rules)
    topics = {"signup": "signups", "activity": "activity"}
    for offset, value in enumerate(values):
        topic = topics.get(value["type"], "purchases")
        counted.count(topic, [record(offset, value, topic=topic)])
    return counted


def facts_of(*values: dict[str, Any], rules: Rules = RULES) -> Facts:
    """The facts of the one customer of all values."""
    (ledger,) = recount(*values, rules=rules).customers.values()
    return ledger.facts()


def day_of(text: str) -> int:
    """Days since 1970 of a date."""
    at_us = InstantReader().microseconds(f"{text}T00:00:00Z")
    assert at_us is not None
    return at_us // 86_400_000_000


def test_orders_of_one_day_are_one_purchase_day_and_their_amounts_add() -> None:
    facts = facts_of(
        purchase("a", "10.00", "2024-01-01"),
        purchase("b", "5.50", "2024-01-01"),
        purchase("c", "7.25", "2024-02-01"),
    )
    assert (facts.orders, facts.revenue, facts.frequency, facts.recency) == (3, 2275, 1, 31)
    assert (facts.repeat_gross, facts.monetary_hundredths, facts.average_order) == (725, 72500, 758)
    assert (facts.first_day, facts.last_day) == (day_of("2024-01-01"), day_of("2024-02-01"))


def test_a_refund_lowers_revenue_and_nothing_else() -> None:
    facts = facts_of(purchase("a", "10.00", "2024-01-01"), refund("r", "4.00", "2024-03-01"))
    assert (facts.revenue, facts.gross, facts.orders) == (600, 1000, 1)
    assert (facts.frequency, facts.recency, facts.average_order) == (0, 0, 1000)


def test_a_cancellation_takes_the_purchase_back_as_if_it_had_not_been() -> None:
    facts = facts_of(
        cancellation("b", "7.00", "2024-02-01"),  # before its purchase
        purchase("a", "10.00", "2024-01-01"),
        purchase("b", "7.00", "2024-02-01"),
    )
    assert (facts.revenue, facts.orders, facts.frequency) == (1000, 1, 0)
    assert facts.rev == 3


def test_a_purchase_of_nothing_is_an_order() -> None:
    facts = facts_of(purchase("a", "0", "2024-01-01"), purchase("b", "0", "2024-01-02"))
    assert (facts.orders, facts.frequency, facts.revenue, facts.monetary_hundredths) == (2, 1, 0, 0)


def test_another_currency_without_a_rate_counts_but_adds_no_money() -> None:
    facts = facts_of(
        purchase("a", "10.00", "2024-01-01"),
        purchase("b", "1000", "2024-01-05", currency="KRW"),
        refund("r", "300", "2024-01-06", currency="KRW"),
        purchase("c", "2.00", "2024-01-07", currency="EUR", fx_rate="1.08"),
    )
    assert (facts.orders, facts.frequency, facts.revenue) == (3, 2, 1216)
    assert facts.foreign == (("KRW", 1000, 300),)


def test_the_same_identity_again_is_a_duplicate_and_the_first_wins() -> None:
    counted = recount(
        purchase("a", "10.00", "2024-01-01"),
        purchase("a", "99.00", "2024-01-02"),
        refund("a", "1.00", "2024-01-03"),  # another type: not a duplicate
        cancellation("a", "10.00", "2024-01-01"),
        cancellation("a", "10.00", "2024-01-01", event_id="another"),  # same order: a duplicate
    )
    counts = counted.counts["purchases"]
    assert (counts.applied, counts.duplicate, counts.refused_total, counts.read) == (3, 2, 0, 5)
    assert counted.net_minor == -100


def test_activities_carry_no_duplicate_check_and_count_once_a_month() -> None:
    counted = recount(
        activity("v", "2024-01-01"), activity("v", "2024-01-01"), activity("w", "2024-02-01")
    )
    assert counted.counts["activity"].applied == 3
    assert counted.customers["anna"].facts().rev == 2


def test_the_earliest_signup_wins_and_its_absent_channel_with_it() -> None:
    facts = facts_of(signup("late", "2024-02-01", channel="ads"), signup("early", "2024-01-31"))
    assert facts.channel is None
    assert facts.signup is not None
    assert facts.signup[0] == day_of("2024-01-31") * 86_400_000_000 + 43_200_000_000
    assert (facts.purchase_days, facts.frequency, facts.first_day) == ((), None, None)


def test_days_are_those_of_the_business_time_zone() -> None:
    tokyo = Rules("USD", "Asia/Tokyo", "trust", 1, 983_040)
    late = purchase("a", "1.00", "2024-01-01", occurred_at="2024-01-01T15:00:00Z")
    assert facts_of(late, rules=tokyo).first_day == day_of("2024-01-02")


def test_both_sides_know_the_same_currencies() -> None:
    assert minor_digits() == EXPONENTS


def test_refusals_are_counted_by_reason_and_listed_by_place() -> None:
    counted = PartitionRecount(TOPICS, RULES)
    bad = purchase("b", "1.234", "2024-01-01")
    counted.count("purchases", [record(0, b"{"), record(7, bad), record(8, bad)])
    assert counted.counts["purchases"].refused == {"not_json": 1, "amount_precision": 2}
    assert [(one.offset, one.reason) for one in counted.refused][1:] == [
        (7, "amount_precision"),
        (8, "amount_precision"),
    ]


def test_a_customer_of_more_than_1024_identities_is_past_the_bound() -> None:
    values = [purchase(f"e{n}", "1.00", "2024-01-01") for n in range(1_025)]
    assert not recount(*values[:-1]).customers["anna"].past_the_duplicate_bound
    assert recount(*values).customers["anna"].past_the_duplicate_bound
