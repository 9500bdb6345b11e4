"""Cohort totals come back from Redis as they were, and a reader can be written from the page."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.cohorts.cells import CELLS, FIELDS, TABLES, Cell, Table
from stream_app.core.cohorts.columns import Columns, summed
from stream_app.core.cohorts.totals import Totals
from stream_app.core.cohorts.unpacked import NO_MONTH
from stream_app.core.customer import Customer
from stream_app.core.events import Purchase
from stream_app.wire.cohorts import VERSION, Meta, decode, encode
from tests.core.cdnow_totals import cdnow_totals
from tests.core.cohort_logs import LOGS, Following, record_of, scan, shown
from tests.core.naive_cohort import Cohort, Cohorts

META = Meta(
    currency="USD", time_zone="UTC", partitions=8, position=17, published_at=1_790_000_000,
    first_signup_day=None, first_purchase_day=-1, last_day=20_000,
)  # fmt: skip
Log = list[dict[str, Any]]


@given(LOGS)
@settings(max_examples=40)
def test_totals_are_read_as_they_were_written(log: Log) -> None:
    following = Following()
    following.take([record_of(event) for event in log])
    value = encode(following.totals, META)
    for table in TABLES:
        meta, columns = decode(value, table)
        assert meta == META
        assert as_oracle(columns) == shown(following.totals)[table]


@given(LOGS, st.integers(0, 4), st.booleans())
@settings(max_examples=40)
def test_the_sum_of_partitions_is_the_whole(log: Log, cut: int, by_channel: bool) -> None:
    following = Following()
    following.take([record_of(event) for event in log])
    customers = list(following.customers.values())
    parts = [scan(customers[:cut]), scan(customers[cut:])]
    for table in TABLES:
        read = [decode(encode(part, META), table)[1] for part in parts]
        whole = summed([following.totals.columns(table)], by_channel=by_channel)
        assert as_oracle(summed(read, by_channel=by_channel)) == as_oracle(whole)


def test_sums_of_partitions_beyond_64_bits_are_exact() -> None:
    """Of ten, each of which is within them."""
    large = Customer()
    large.apply(Purchase("c", "p", "o", 0, 100, "USD", 10**15, 36 * 10**15))
    part = scan([large] * 28)
    columns = [part.columns("signup")] * 10
    assert not columns[0].beyond
    for by_channel in (True, False):
        (cohort,) = summed(columns, by_channel=by_channel).cohorts()
        assert {cell.gross_minor for cell in cohort.cells.values()} == {10 * 28 * 36 * 10**15}
    assert summed(columns, by_channel=True).net_minor == 10 * 28 * 36 * 10**15
    merged = Totals()
    for _ in range(10):
        merged.merge(part)
    assert merged.columns("signup").net_minor == 10 * 28 * 36 * 10**15


def test_the_page_is_enough_to_read_totals() -> None:
    value = encode(cdnow_totals(), META)
    for table in TABLES:
        assert by_the_page(value, table) == shown(cdnow_totals())[table]


@given(LOGS)
@settings(max_examples=40)
def test_the_page_is_enough_to_read_any_totals(log: Log) -> None:
    following = Following()
    following.take([record_of(event) for event in log])
    value = encode(following.totals, META)
    for table in TABLES:
        assert by_the_page(value, table) == shown(following.totals)[table]


def test_no_customers_are_no_cohorts() -> None:
    _, columns = decode(encode(Totals(), META), "signup")
    assert len(columns) == columns.members == columns.net_minor == 0
    assert len(summed([columns, columns], by_channel=True)) == 0
    assert len(summed([], by_channel=False)) == 0


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"", "no bytes; this program reads version 1"),
        (bytes((VERSION + 1,)) + b"rest", "version 2; this program reads version 1"),
        (bytes((VERSION,)), "no cohort totals"),
        (bytes((VERSION,)) + msgspec.msgpack.encode({"meta": META, "tables": {}}), "signup"),
    ],
)
def test_what_is_not_understood_is_refused_in_words(value: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        decode(value, "signup")


@given(st.data())
@settings(max_examples=60)
def test_damaged_totals_are_a_value_error_or_columns_that_fit(data: st.DataObject) -> None:
    value = bytearray(encode(cdnow_totals(), META))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(1, len(value) - 1))
        value[place] = data.draw(st.integers(0, 255))
    try:
        _, columns = decode(bytes(value), "first-purchase")
    except ValueError:
        return
    assert columns.numbers.shape == (len(columns), 2 + CELLS * FIELDS)


def as_oracle(columns: Columns) -> Cohorts:
    """Columns in the form of the oracle."""
    keys = (
        (columns.channels[channel], None if month == NO_MONTH else _month(month))
        for channel, month in zip(columns.channel.tolist(), columns.month.tolist(), strict=True)
    )
    found: Cohorts = {}
    for key, one in zip(keys, columns.cohorts(), strict=True):
        names = {place: _cell_name(place) for place in one.cells}
        cells: Any = {names[place]: tuple(cell) for place, cell in one.cells.items()}
        found[key] = Cohort(one.members, one.buyers, cells)
        found[key].second_after.update(one.second_after)
    return found


def by_the_page(value: bytes, name: Table) -> Cohorts:
    """What schemas/cohorts.md says, step by step, without a word of the product."""
    assert value[0] == 1
    table = msgspec.msgpack.decode(value[1:])["tables"][name]
    column = {key: _numbers(*table[key]) for key in (
        "channel", "month", "members", "buyers", "active", "payers", "orders", "purchase_days",
        "gross_minor", "refunds_minor", "second_row", "second_days", "second_members",
    )}  # fmt: skip
    rows = [[members, buyers, *[0] * 234] for members, buyers in zip(
        column["members"], column["buyers"], strict=True)]  # fmt: skip
    number = 0
    for row in range(len(rows)):
        mask = int.from_bytes(table["cells"][8 * row : 8 * row + 8], "little")
        for cell in range(64):
            if mask >> cell & 1:
                for field, key in enumerate(Cell._fields):
                    rows[row][2 + 6 * cell + field] = column[key][number]
                number += 1
    for row, place, text in table["large"]:
        rows[row][place] += int(text)
    found: Cohorts = {}
    for row, numbers in enumerate(rows):
        month = column["month"][row]
        own_key = table["channels"][column["channel"][row]], None if month == -2 else _month(month)
        cells: Any = {
            _cell_name(cell): tuple(numbers[2 + 6 * cell : 8 + 6 * cell]) for cell in range(39)
        }
        there = {name: cell for name, cell in cells.items() if any(cell)}
        found[own_key] = Cohort(numbers[0], numbers[1], there)
        for own, days, members in zip(
            column["second_row"], column["second_days"], column["second_members"], strict=True
        ):
            if own == row:
                found[own_key].second_after[days] += members
    return found


def _numbers(wide: int, held: bytes) -> list[int]:
    return [
        int.from_bytes(held[start : start + wide], "little", signed=True)
        for start in range(0, len(held), wide)
    ]


def _month(month: int) -> str:
    return str(np.datetime64("1970-01") + np.timedelta64(month, "M"))


def _cell_name(place: int) -> str:
    return {36: "before", 37: "after", 38: "undated"}.get(place, str(place))
