"""Laws of a customer: what must hold for every set of events."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core import days, facts, identities
from stream_app.core.customer import Customer, Outcome
from stream_app.core.events import Activity, Event, Purchase
from stream_app.core.models.statistics import NEVER, statistics
from stream_app.wire import state
from tests.core.strategies import LOGS, events

RANDOM = st.randoms(use_true_random=False)


def folded(log: list[Event]) -> Customer:
    customer = Customer()
    for event in log:
        customer.apply(event)
    return customer


def well_formed(customer: Customer) -> None:
    """Everything that the bytes promise beyond their lengths."""
    parts = facts.split(customer.facts)
    assert facts.joined(parts) == customer.facts
    buckets = days.buckets(parts.layout, parts.rows)
    assert buckets == sorted(buckets, key=lambda bucket: bucket.day)
    assert len({bucket.day for bucket in buckets}) == len(buckets)
    assert all(any(bucket[1:]) for bucket in buckets)
    assert days.pack_all(buckets) == (parts.layout, parts.rows), "not the narrowest layout"
    size = identities.SIZE
    entries = [parts.identities[i : i + size] for i in range(0, len(parts.identities), size)]
    assert entries == sorted(entries)
    assert len({entry[2:] for entry in entries}) == len(entries)
    assert facts.pack_foreign(facts.unpack_foreign(parts.foreign)) == parts.foreign
    assert facts.pack_months(set(facts.unpack_months(parts.months))) == parts.months


@given(LOGS, RANDOM, st.data())
@settings(max_examples=400, deadline=None)
def test_any_order_and_any_duplication_give_the_same_bytes(
    log: list[Event], rng: random.Random, data: st.DataObject
) -> None:
    plain = folded(log)
    repeated = log + (data.draw(st.lists(st.sampled_from(log), max_size=20)) if log else [])
    rng.shuffle(repeated)
    assert folded(repeated).facts == plain.facts
    well_formed(plain)


@given(LOGS, RANDOM)
@settings(max_examples=300, deadline=None)
def test_the_merge_of_disjoint_halves_is_the_whole(log: list[Event], rng: random.Random) -> None:
    sides: tuple[list[Event], list[Event]] = ([], [])
    for event in log:
        sides[rng.random() < 0.5].append(event)
    left, right = folded(sides[0]), folded(sides[1])
    assert left.merge(right) == folded(log)
    assert right.merge(left) == folded(log)
    assert left.merge(Customer()) == left


@given(st.lists(events(), max_size=40))
@settings(max_examples=300, deadline=None)
def test_every_prefix_is_well_formed_and_an_identity_counts_once(log: list[Event]) -> None:
    customer = Customer()
    seen: set[object] = set()
    for event in log:
        before = customer.facts
        outcome = customer.apply(event)
        own = getattr(event, "order_id", "") if hasattr(event, "occurred_day") else event.event_id
        identity = (type(event), own)
        is_new = isinstance(event, Activity) or identity not in seen
        assert outcome is (Outcome.APPLIED if is_new else Outcome.DUPLICATE)
        if not is_new:
            assert customer.facts == before
        if not isinstance(event, Activity):
            seen.add(identity)
        well_formed(customer)
    assert customer.applied == len(seen)
    assert customer.rev == len(seen) + len(customer.active_months)


@given(st.lists(LOGS, max_size=12))
@settings(max_examples=200, deadline=None)
def test_the_columns_equal_the_methods(logs: list[list[Event]]) -> None:
    customers = [folded(log) for log in logs]
    columns = statistics(customers)
    assert len(columns) == len(customers)
    for row, customer in enumerate(customers):
        assert columns.orders[row] == customer.orders
        assert columns.gross_minor[row] == customer.gross_minor
        assert columns.refunds_minor[row] == customer.refunds_minor
        assert columns.purchase_days[row] == customer.purchase_days
        first, last = customer.first_day, customer.last_day
        assert columns.first_day[row] == (NEVER if first is None else first)
        assert columns.last_day[row] == (NEVER if last is None else last)
        assert columns.repeat_gross_minor[row] == (customer.repeat_gross_minor or 0)
        assert columns.unconverted[row] == bool(customer.unconverted)


@given(LOGS)
@settings(max_examples=200, deadline=None)
def test_a_state_reads_back_as_it_was_written(log: list[Event]) -> None:
    customer = folded(log)
    again = state.decode(state.encode(customer))
    assert again == customer
    assert state.encode(again) == state.encode(customer)


def test_sums_past_64_bits_are_exact_in_columns() -> None:
    customer = Customer()
    for day in range(300):
        customer.apply(_purchase(day, 10**15 * 36))
    assert customer.gross_minor == 300 * 36 * 10**15
    assert statistics([customer]).gross_minor[0] == customer.gross_minor
    assert statistics([customer, Customer()]).repeat_gross_minor.dtype == object


def test_columns_of_usual_money_are_64_bit_integers() -> None:
    columns = statistics([folded([_purchase(1, 100)]), Customer()])
    assert columns.gross_minor.dtype == np.int64


def test_ten_years_of_daily_orders_fit_64_kib() -> None:
    customer = Customer()
    for day in range(20_000, 20_000 + 3_653):
        customer.apply(_purchase(day, 123_456))
        customer.apply(_purchase(day, 5, f"second of {day}"))
    assert customer.size <= 64 << 10
    assert customer.saturated


def test_the_worst_case_since_1970_fits_400_kib() -> None:
    """Every day until 2027, more orders than a byte counts, money to 10^15, refunds as well."""
    last = 20_819
    rows = [days.Bucket(day, 30_000, 10**15, 10**15) for day in range(last)]
    layout, packed = days.pack_all(rows)
    parts = facts.split(facts.EMPTY)
    parts.layout, parts.rows = layout, packed
    parts.identities = bytes(identities.KEPT * identities.SIZE)
    parts.applied = 10**9
    customer = Customer(facts.joined(parts))
    customer.apply(_purchase(last, 1))
    assert customer.size <= 400 << 10
    assert customer.orders == last * 30_000 + 1


def test_past_the_bound_the_largest_identities_are_kept_in_any_order() -> None:
    log: list[Event] = [_purchase(n % 50, 1, f"e{n}") for n in range(1_300)]
    plain = folded(log)
    random.Random(3).shuffle(log)
    assert folded(log) == plain
    well_formed(plain)
    assert plain.saturated
    assert plain.applied == 1_300
    assert len(facts.split(plain.facts).identities) == 1_024 * identities.SIZE
    assert plain.apply(_purchase(49, 1, "e49")) is Outcome.DUPLICATE


def test_at_the_bound_every_duplicate_is_still_recognised() -> None:
    log: list[Event] = [_purchase(n % 9, 1, f"e{n}") for n in range(1_024)]
    customer = folded(log)
    assert not customer.saturated
    assert all(customer.apply(event) is Outcome.DUPLICATE for event in log)


def test_a_copy_stays_as_it_was() -> None:
    customer = folded([_purchase(1, 100)])
    customer.pos = 7
    copied = customer.copy()
    customer.apply(_purchase(2, 100))
    assert (copied.orders, copied.pos) == (1, 7)


def test_the_position_is_no_part_of_equality_nor_of_the_state() -> None:
    left, right = folded([_purchase(1, 100)]), folded([_purchase(1, 100)])
    left.pos = 5
    assert left == right
    assert not left != right  # noqa: SIM202 -- a struct may answer the two from different places
    assert left != Customer()
    assert state.encode(left) == state.encode(right)


def test_histories_that_overlap_are_not_merged() -> None:
    both = folded([_purchase(1, 100)])
    with pytest.raises(ValueError, match="disjoint"):
        both.merge(both)


def test_the_first_in_the_log_wins_where_one_identity_has_two_contents() -> None:
    customer = folded([_purchase(1, 100, "same"), _purchase(5, 999, "same")])
    assert (customer.revenue_minor, customer.last_day) == (100, 1)


def _purchase(day: int, base_minor: int, event_id: str | None = None) -> Purchase:
    own = event_id or f"of day {day}"
    return Purchase("c", own, "o", max(day, 0), day, "USD", base_minor, base_minor)
