"""Histories: the sums as of any day are those of a customer whose later days are struck out."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.customer import Customer
from stream_app.core.days import LAST_DAY, Bucket
from stream_app.core.events import Event
from stream_app.core.models.histories import histories, joined
from stream_app.core.models.statistics import Statistics, statistics
from tests.core.strategies import LOGS


def _customer(events: list[Event]) -> Customer:
    customer = Customer()
    for event in events:
        customer.apply(event)
    return customer


CUSTOMERS = st.lists(LOGS.map(_customer), max_size=6)


def _same(one: Statistics, other: Statistics) -> None:
    for field in fields(Statistics):
        ours, theirs = getattr(one, field.name), getattr(other, field.name)
        np.testing.assert_array_equal(ours, theirs, field.name)


@given(CUSTOMERS, st.integers(0, 6))
def test_with_every_day_they_are_the_statistics(customers: list[Customer], cut: int) -> None:
    _same(histories(customers).statistics(LAST_DAY), statistics(customers))
    parts = [histories(customers[:cut]), histories(customers[cut:])]
    _same(joined(parts).statistics(LAST_DAY), statistics(customers))


@given(CUSTOMERS, st.integers(18_998, 19_012), st.integers(0, 10))
def test_they_split_at_any_day(customers: list[Customer], after: int, days: int) -> None:
    found = histories(customers)
    before, later = found.statistics(after), found.later(after, after + days)
    for place, customer in enumerate(customers):
        kept = [one for one in customer.buckets if one.day <= after]
        assert _sums(before, place) == _naive(kept)
        rest = [one for one in customer.buckets if after < one.day <= after + days]
        assert _sums(later, place) == _naive(rest)


def _sums(found: Statistics, place: int) -> tuple[int, ...]:
    columns = (
        found.orders, found.gross_minor, found.refunds_minor, found.purchase_days,
        found.first_day, found.last_day, found.repeat_gross_minor,
    )  # fmt: skip
    return tuple(int(column[place]) for column in columns)


def _naive(buckets: list[Bucket]) -> tuple[int, ...]:
    bought = [one for one in buckets if one.orders >= 1]
    return (
        sum(one.orders for one in buckets),
        sum(one.gross for one in buckets),
        sum(one.refunds for one in buckets),
        len(bought),
        bought[0].day if bought else -1,
        bought[-1].day if bought else -1,
        sum(one.gross for one in bought[1:]),
    )
