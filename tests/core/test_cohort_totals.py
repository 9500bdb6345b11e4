"""Cohort totals equal a recount of all events, however the customers came to be counted."""

from __future__ import annotations

import random
from itertools import repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.cohorts.cells import BEFORE, TABLES, UNDATED, Key
from stream_app.core.cohorts.totals import Totals
from stream_app.core.customer import Customer
from stream_app.core.events import Activity, Purchase, Refund, Signup
from tests.core import naive
from tests.core.cohort_logs import (
    LOGS,
    Following,
    chunks,
    expected,
    record_of,
    scan,
    shown,
)
from tests.generate import Shape, generate

ZONES = ("UTC", "America/New_York", "Pacific/Auckland")
Log = list[dict[str, Any]]


@given(LOGS, st.sampled_from(ZONES), st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_cells_equal_the_oracle_after_any_changes(log: Log, zone: str, rng: random.Random) -> None:
    records = [record_of(event) for event in log]
    following = Following(zone)
    for piece in chunks(records, iter(lambda: rng.randint(1, 6), 0)):
        following.take(piece)
    assert shown(following.totals) == expected(records, zone)
    assert following.totals == scan(following.customers.values())


@given(LOGS, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_order_of_events_and_duplicates_do_not_matter(log: Log, rng: random.Random) -> None:
    """Of one identity one content: where two contents meet, the first in the log wins."""
    records = [record_of(event) for event in naive.distinct(log)]
    again = records + [record for record in records if rng.random() < 0.3]
    rng.shuffle(again)
    following = Following("Europe/Berlin")
    for piece in chunks(again, repeat(3)):
        following.take(piece)
    assert shown(following.totals) == expected(records, "Europe/Berlin")


@given(LOGS, st.integers(0, 4))
@settings(max_examples=40)
def test_merged_partitions_are_the_whole(log: Log, cut: int) -> None:
    following = Following()
    following.take([record_of(event) for event in log])
    customers = list(following.customers.values())
    first, second = scan(customers[:cut]), scan(customers[cut:])
    first.merge(second)
    assert first == scan(customers)
    assert second == scan(customers[cut:])


@given(LOGS)
@settings(max_examples=40)
def test_the_cells_of_a_table_add_up_to_its_customers(log: Log) -> None:
    following = Following()
    following.take([record_of(event) for event in log])
    customers = following.customers.values()
    for table in TABLES:
        found = following.totals.columns(table)
        assert found.members == len(customers)
        assert found.net_minor == sum(customer.revenue_minor for customer in customers)


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("at_once", [5, 250])
def test_long_histories_equal_the_oracle(shuffle: bool, at_once: int) -> None:
    """Of the same customers again and again, early and late days: most months never change."""
    shape = Shape(
        seed=5, records=2_500, customers=15, days=1_500, foreign=0.1, duplicates=0.05, late=0.05,
        cancellations=0.05, refunds=0.08, activity=0.2, zipf=0.7, shuffle=shuffle,
    )  # fmt: skip
    records = list(generate(shape))
    following = Following("Asia/Tokyo")
    for piece in chunks(records, repeat(at_once)):
        following.take(piece)
    assert shown(following.totals) == expected(records, "Asia/Tokyo")


def test_sums_beyond_64_bits_are_exact_beside_those_within() -> None:
    largest = [_bought(f"c{n}", 10**15 * 36, [20_000]) for n in range(300)]
    wide = _bought("wide", 10**30, [20_000, 20_031])
    totals = Totals()
    totals.add([*largest, wide])
    month = Key("first-purchase", None, 657)
    assert (
        totals.cohorts("first-purchase")[month].cells[0].gross_minor == 300 * 36 * 10**15 + 10**30
    )
    totals.change([*largest, wide], [_bought("c", 1, [20_000])] * 301)
    assert totals.cohorts("first-purchase")[month].cells[0].gross_minor == 301
    assert 1 not in totals.cohorts("first-purchase")[month].cells


def test_a_late_signup_moves_the_whole_customer_and_an_empty_cohort_is_gone() -> None:
    before = _bought("c", 500, [19_000, 19_100])
    totals = Totals()
    totals.add([before])
    assert list(totals.cohorts("signup")) == [Key("signup", None, None)]
    after = before.copy()
    after.apply(Signup("c", "s", 0, 19_050, "ads"))
    totals.change([before], [after])
    ((key, cohort),) = totals.cohorts("signup").items()
    assert key == Key("signup", "ads", 625)
    assert {place: cell.gross_minor for place, cell in cohort.cells.items()} == {
        BEFORE: 500,
        2: 500,
    }
    assert list(totals.cohorts("first-purchase")) == [Key("first-purchase", "ads", 624)]


def test_who_was_only_seen_is_counted_in_both_tables_without_a_month() -> None:
    customer = Customer()
    customer.apply(Activity("c", "a", 0, 19_000, "visit"))
    totals = Totals()
    totals.add([customer])
    for table in TABLES:
        ((key, cohort),) = totals.cohorts(table).items()
        assert key == Key(table, None, None)
        assert (cohort.members, cohort.buyers) == (1, 0)
        assert cohort.cells[UNDATED].active == 1


@pytest.mark.parametrize("returned", [0, 1], ids=["before the first purchase", "after it"])
def test_the_first_two_purchases_of_a_long_history_may_come_late(returned: int) -> None:
    """Ten days on which money only went back, and purchases that come in between and at the end."""
    before = _bought("c", 500, [19_000] * returned)
    for number in range(10):
        day = 19_010 + number
        before.apply(Refund("c", f"r{number}", "o", 0, day, "USD", 1, 1))
    totals = scan([before])
    for number, day in enumerate((19_100, 19_200, 19_015)):
        after = before.copy()
        after.apply(Purchase("c", f"late-{number}", "o", 0, day, "USD", 7, 7))
        totals.change([before], [after])
        assert totals == scan([after])
        before = after


def test_the_first_days_follow_those_who_have_them() -> None:
    early, late = _bought("e", 1, [100]), _bought("l", 1, [200])
    totals = Totals()
    totals.add([early, late])
    assert totals.first_day("first-purchase") == 100
    assert totals.first_day("signup") is None
    totals.change([early], [_bought("e", 1, [-1, 300])])
    assert totals.first_day("first-purchase") == -1
    totals.change([_bought("e", 1, [-1, 300])], [_bought("e", 1, [300])])
    assert totals.first_day("first-purchase") == 200


def test_each_version_before_needs_one_after() -> None:
    with pytest.raises(ValueError, match="1 customers before and 0 after"):
        Totals().change([Customer()], [])


def _bought(name: str, minor: int, days: list[int]) -> Customer:
    customer = Customer()
    for day in days:
        customer.apply(Purchase(name, f"{name}-{day}", "o", 0, day, "USD", minor, minor))
    return customer
