"""A backfill makes of a history the very bytes that a stream of the same rows would have made."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from itertools import product
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.settings import Settings, load
from tests.generate import Shape, generate
from tests.jobs.backfill.history import FAR_US, Cells, Made, backfilled, streamed, write

DAY_US = 86_400_000_000
ZONES = ("UTC", "America/New_York", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe")
KINDS = ("purchase", "refund", "cancellation", "signup", "activity")
CUSTOMERS = ("ann", "bob", "Zoë", "c-1", "x" * 128)
CUT_US = 1_710_000_000_000_000
"""2024-03-09T16:00:00Z, in the middle of the times below."""


def own(**variables: str) -> Settings:
    return load({f"LTV_{name}": value for name, value in variables.items()})


def assert_same(expected: Made, found: Made) -> None:
    """States byte by byte, and every count."""
    assert found.reasons == expected.reasons
    assert found.states.keys() == expected.states.keys()
    for key, written in expected.states.items():
        assert found.states[key] == written, key
    assert found.counted == expected.counted
    assert (found.past_the_cut, found.rows) == (expected.past_the_cut, expected.rows)


TIMES = st.one_of(
    st.sampled_from((
        "2024-03-10", "20240310", "2024-02-30", "2024-03-10 02:30:00", "2024-11-03T01:30:00",
        "2024-11-03 00:00:30", "2024-11-03T00:30:00.25", "2024-04-07T01:45:00", "1709999999",
        "1710000000123", "2024-03-10T12:00:00Z", "2024-03-10T12:00:00.1234567Z", "1969-12-31",
        "1970-01-01T00:00:00Z", "1970-01-01", "2149-06-04T23:59:59Z", "2149-06-05", "03/04/2024",
        "2024-03-10T23:59:60Z", " 2024-03-10", "2024-03-10T10:00Z", "2024-03-10 10:00:00+09",
        "2024-03-10T12:00:00+05:45", "2024-03-09 23:30:00-11:00", "now", "99999999999",
    )),
    st.integers(0, 400).map(lambda hours: f"2024-03-{1 + hours // 24:02d}T{hours % 24:02d}:00:00Z"),
)  # fmt: skip
AMOUNTS = st.sampled_from((
    "0", "1.5", "12.34", "1.230", "0012", "1.234", "-1", "-0", "1e2", "NaN", "9999999999999",
    "10000000000000", "99999999999999999", ".5", "5.", "1,5", "+3", "21474836.47", "21474836.48",
    "360287970189639.67", "0.0000000000000000000000000000000000000000", " 1",
))  # fmt: skip
IDS = st.one_of(
    st.integers(0, 6).map(str),
    st.sampled_from(('a"b', "a\\b", "a\tb", "é", "x" * 129, "\x85", "語")),
)


@st.composite
def rows(draw: st.DrawFn, *, with_ids: bool) -> dict[str, str]:
    """A row, right or wrong; an absent cell has no text."""
    usual = draw(st.integers(0, 3)) > 0
    row = {
        "type": draw(st.sampled_from(KINDS if usual else (*KINDS, "", "Purchase", "order"))),
        "customer_id": draw(st.sampled_from(CUSTOMERS if usual else (*CUSTOMERS, "", "a\x00b"))),
        "occurred_at": draw(TIMES),
        "order_id": draw(IDS if not usual else st.integers(0, 6).map(str)),
        "amount": draw(AMOUNTS if not usual else st.sampled_from(("1.50", "2", "21474836.48"))),
        "currency": draw(st.sampled_from(("USD", "", "KRW", "KWD", "XXX"))) if not usual else "USD",
        "fx_rate": draw(st.sampled_from(("", "", "1", "0.5", "999999999.99"))) if not usual else "",
        "ordered_at": draw(st.one_of(st.just(""), TIMES)),
        "channel": draw(st.sampled_from(("", "ads", "c" * 65, "é"))),
        "kind": draw(st.sampled_from(("", "login", "visit", "x"))) if not usual else "",
        "items": draw(st.sampled_from(("", '[{"sku": "a"}]', "x"))) if not usual else "",
    }
    if with_ids:
        row["event_id"] = draw(IDS if not usual else st.integers(0, 6).map(str))
    return row


@given(
    history=st.booleans().flatmap(
        lambda with_ids: st.lists(rows(with_ids=with_ids), min_size=1, max_size=40)
    ),
    zone=st.sampled_from(ZONES),
    suffix=st.sampled_from((".csv", ".parquet", ".jsonl")),
    until_us=st.sampled_from((FAR_US, CUT_US)),
)
@settings(max_examples=40)
def test_any_rows_right_or_wrong_become_what_the_stream_makes_of_them(
    history: list[Cells], zone: str, suffix: str, until_us: int
) -> None:
    settings_ = own(TIMEZONE=zone, PARTITIONS="3")
    with tempfile.TemporaryDirectory() as name:
        path = write(Path(name) / f"rows{suffix}", history)
        expected = streamed(settings_, [("purchase", path)], until_us)
        assert_same(expected, backfilled(settings_, [str(path)], until_us))


CELLS = (
    "", " ", "x" * 128, "x" * 129, "é" * 128, "é" * 129, "c" * 64, "c" * 65, "a\x00b", "a\x1fb",
    "a\x7fb", "a\x85b", "a\xa0b", 'a"b', "a\\b", "a\tb", "NaN", "-1", "-0", "0", "1.5", "1.2300",
    "1.234", "1e2", "+1", "1_0", "9999999999999.99", "10000000000000", "10000000000000.01", "USD",
    "usd", "EUR", "KRW", "XXX", "0.5", "1", "1.0", "2024-02-30", "2024-03-01", "20240301",
    "2149-06-03", "2149-06-04", "2149-06-05", "1970-01-01", "1969-12-31", "2024-03-10T02:30:00",
    "2024-11-03 01:30:00.5", "2024-03-01T10:00:60Z", "2024-03-01T24:00:00Z", "1709251200",
    "2024-03-01T10:00:00+23:59", "2024-03-01T10:00:00.1234567Z", "1709251200123", "170925120012",
    "login", "visit", "Visit", "[]", '[{"sku": "a"}]', '[{"quantity": 0}]', "purchase", "Purchase",
    "refund", "cancellation", "signup", "activity",
)  # fmt: skip


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize("with_ids", [True, False], ids=["with ids", "without"])
def test_each_cell_of_each_kind_may_be_anything(
    suffix: str, zone: str, with_ids: bool, tmp_path: Path
) -> None:
    settings_ = own(TIMEZONE=zone, PARTITIONS="3")
    history: list[Cells] = []
    for kind, (name, cell) in product(KINDS, product((*ROW, "event_id"), CELLS)):
        number = f"{len(history)}"
        row = {**ROW, "type": kind, "customer_id": f"c-{number}", "event_id": f"e-{number}"}
        history.append({**row, name: cell})
    path = write(tmp_path / f"cells{suffix}", history if with_ids else without("event_id", history))
    expected = streamed(settings_, [("purchase", path)])
    assert len(expected.reasons) > 8
    assert_same(expected, backfilled(settings_, [str(path)]))


def test_a_row_that_is_too_large_as_a_record_is_refused(tmp_path: Path) -> None:
    """Its size is that of the JSON that sending it would make."""
    settings_ = own(MAX_VALUE="1024")
    history = [
        {**ROW, "customer_id": cell * 90, "event_id": cell * size, "order_id": cell * size}
        for cell, size in product(("x", "é", "語", '"', "\\"), range(1, 129, 3))
    ]
    path = write(tmp_path / "large.csv", history)
    expected = streamed(settings_, [("purchase", path)])
    assert expected.reasons["too_large"] > 10
    assert_same(expected, backfilled(settings_, [str(path)]))


ROW = {
    "type": "", "customer_id": "", "occurred_at": "2024-03-02T10:00:00Z", "order_id": "o",
    "amount": "12.50", "currency": "USD", "fx_rate": "", "ordered_at": "2024-03-01", "channel": "",
    "kind": "", "items": "",
}  # fmt: skip


SHOP = Shape(
    seed=5,
    customers=120,
    records=6_000,
    days=900,
    foreign=0.15,
    duplicates=0.02,
    late=0.05,
    cancellations=0.06,
    refunds=0.06,
    zipf=0.7,
)


def events_of(shape: Shape) -> list[Cells]:
    """A generated log's events as rows."""
    return [json.loads(record.value or b"") for record in generate(shape)]


def without(name: str, history: Sequence[Cells]) -> list[Cells]:
    return [{field: cell for field, cell in row.items() if field != name} for row in history]


@pytest.mark.parametrize(
    ("suffix", "zone"),
    [(".csv", zone) for zone in ZONES] + [(".parquet", ZONES[1]), (".jsonl", ZONES[2])],
)
def test_a_shop_s_history_becomes_what_the_stream_makes_of_it(
    suffix: str, zone: str, tmp_path: Path
) -> None:
    settings_ = own(TIMEZONE=zone, PARTITIONS="5")
    path = write(tmp_path / f"shop{suffix}", events_of(SHOP))
    expected = streamed(settings_, [("purchase", path)])
    assert sum(sum(counted.duplicate) for counted in expected.counted) > 50
    assert len(expected.states) > 100
    assert_same(expected, backfilled(settings_, [str(path)]))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_rows_without_an_event_id_get_the_one_that_sending_them_would_give(
    suffix: str, tmp_path: Path
) -> None:
    """Two rows of one content are two events, in the order of their file."""
    settings_ = own(PARTITIONS="2")
    history = without("event_id", events_of(SHOP))
    history += history[:200]
    first = write(tmp_path / f"first{suffix}", history)
    second = write(tmp_path / f"second{suffix}", history[:100])
    files = [("purchase", first), ("purchase", second)]
    expected = streamed(settings_, files)
    assert sum(counted.duplicate[0] for counted in expected.counted) >= 80
    assert_same(expected, backfilled(settings_, [str(first), str(second)]))


def bought(number: int, day: int, amount: str = "1.25", customer: str = "ann") -> Cells:
    at = f"{date.fromordinal(date(2020, 1, 1).toordinal() + day).isoformat()}T12:00:00Z"
    return {"customer_id": customer, "event_id": f"e{number}", "occurred_at": at, "amount": amount}


@pytest.mark.parametrize("again", [False, True], ids=["all different", "some again"])
def test_customers_of_more_events_than_identities_are_kept_for(again: bool, tmp_path: Path) -> None:
    """Past the bound an old event can be counted twice; the backfill counts it as the stream."""
    rng = random.Random(7)
    history = [bought(number, rng.randrange(1_500)) for number in range(3_000)]
    history += [bought(number, rng.randrange(1_500), customer="bob") for number in range(1_024)]
    if again:
        history += rng.sample(history, 400)
    rng.shuffle(history)
    path = write(tmp_path / "much.csv", history)
    expected = streamed(own(), [("purchase", path)])
    duplicates = sum(counted.duplicate[0] for counted in expected.counted)
    assert (0 < duplicates < 400) if again else duplicates == 0
    assert_same(expected, backfilled(own(), [str(path)]))


WIDE = {
    "orders of two bytes": [bought(number, 0) for number in range(128)],
    "as many as one byte holds": [bought(number, 0) for number in range(127)],
    "gross of seven bytes": [bought(0, 0, "21474836.48"), bought(1, 1)],
    "as much as four bytes hold": [bought(0, 0, "21474836.47"), bought(1, 1)],
    "gross of sixteen bytes": [bought(number, 0, "9999999999999.99") for number in range(40)],
    "refunds": [bought(0, 0), {**bought(1, 0), "type": "refund", "order_id": "o"}],
    "a refund of nothing": [{**bought(1, 0, "0"), "type": "refund", "order_id": "o"}],
    "sixteen bytes below zero": [
        {**bought(n, 0, "9999999999999.99"), "type": "cancellation", "order_id": f"{n}",
         "ordered_at": "2020-01-01"}
        for n in range(40)
    ],
    "beyond 64 bits": [
        {**bought(number, 0, "9" * 13), "currency": "EUR", "fx_rate": "9" * 9}
        for number in range(30)
    ],
    "beyond 64 bits in sum": [bought(number, 0, "9999999999999.99") for number in range(10_000)],
    "taken back": [
        bought(0, 0),
        {**bought(1, 0), "type": "cancellation", "order_id": "e0", "ordered_at": "2020-01-01"},
    ],
    "taken back more than bought": [
        {**bought(n, 0), "type": "cancellation", "order_id": f"{n}", "ordered_at": "2020-01-01"}
        for n in range(129)
    ],
}  # fmt: skip


@pytest.mark.parametrize("history", WIDE.values(), ids=WIDE.keys())
def test_every_width_of_a_day(history: list[Cells], tmp_path: Path) -> None:
    path = write(tmp_path / "wide.csv", [*history, bought(0, 5, customer="bob")])
    assert_same(streamed(own(), [("purchase", path)]), backfilled(own(), [str(path)]))


@pytest.mark.parametrize("currency", ["USD", "KRW", "KWD", "CLF"])
def test_amounts_in_the_digits_of_the_base_currency(currency: str, tmp_path: Path) -> None:
    """Also of DECIMAL and DOUBLE columns, which are read by their shortest text."""
    amounts = ("1", "1.5", "1.25", "1.125", "1.0625", "0.1", "123456789.1", "1.10", "1.0000")
    history = [bought(n, n, amount) for n, amount in enumerate(amounts)]
    settings_ = own(CURRENCY=currency)
    text = write(tmp_path / "text.parquet", history)
    assert_same(streamed(settings_, [("purchase", text)]), backfilled(settings_, [str(text)]))
    for number, kind in enumerate(("DOUBLE", "FLOAT", "DECIMAL(18, 4)", "DECIMAL(38, 2)")):
        path = tmp_path / f"{number}.parquet"
        with closing(duckdb.connect()) as connection:
            connection.execute(
                f"COPY (SELECT * REPLACE (amount::{kind} AS amount) FROM '{text}')"
                f" TO '{path}' (FORMAT parquet)"
            )
        assert_same(streamed(settings_, [("purchase", path)]), backfilled(settings_, [str(path)]))


TYPED = ("TIMESTAMP", "TIMESTAMPTZ", "DATE", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S")


@pytest.mark.parametrize("zone", ZONES)
def test_times_of_typed_columns_are_read_as_their_text(zone: str, tmp_path: Path) -> None:
    settings_ = own(TIMEZONE=zone)
    for kind in TYPED:
        path = tmp_path / f"{kind}.parquet"
        with closing(duckdb.connect()) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(
                "COPY (SELECT 'c-' || n AS customer_id, 'e-' || n AS event_id, 5 AS amount,"
                " (TIMESTAMP '2023-10-20 23:59:59.123456' + to_minutes(n * 19))::"
                f"{kind} AS occurred_at FROM range(2000) AS r(n)"
                f" UNION ALL SELECT 'c-4', 'e', 1, '1969-12-31'::{kind}) TO '{path}'"
                " (FORMAT parquet)"
            )
        for kind_of in ("purchase", "signup"):  # days are alike, instants are kept of signups alone
            expected = streamed(settings_, [(kind_of, path)])
            assert_same(expected, backfilled(settings_, [f"{kind_of}={path}"]))


def test_files_of_several_types_and_sql_are_one_history(tmp_path: Path) -> None:
    orders = write(tmp_path / "orders.csv", [bought(n, n % 9) for n in range(50)])
    people = write(
        tmp_path / "people.parquet",
        [
            {"user": "ann", "id": f"s{n}", "signed_up_at": f"2020-01-0{1 + n}", "source": "ads"}
            for n in range(5)
        ],
    )
    visits = write(
        tmp_path / "visits.csv", [{"user": "bob", "id": "v", "ts": "2020-02-01", "kind": "visit"}]
    )
    expected = streamed(own(), [("purchase", orders), ("signup", people), ("activity", visits)])
    sql = (
        f"ATTACH ':memory:' AS shop; CREATE TABLE shop.people AS FROM '{people}';"
        " SELECT * FROM shop.people"
    )
    found = backfilled(own(), [str(orders), f"signup={sql}", f"activity={visits}"])
    assert_same(expected, found)


def test_a_broken_line_is_refused_and_the_rows_around_it_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(
        'user;date;total;note\nann;2024-01-01;1;"a ""quoted""\nline; yes"\nann;2024-01-02\n'
        "\nann;2024-01-03;3;x;y\nann;2024-01-04;4;ü;\n",
        encoding="utf-8-sig",
    )
    expected = streamed(own(), [("purchase", path)])
    assert expected.reasons == {"unreadable": 2}
    assert sum(counted.net_minor for counted in expected.counted) == 500
    assert_same(expected, backfilled(own(), [str(path)]))


def test_columns_are_mapped_by_name_where_the_header_does_not_tell(tmp_path: Path) -> None:
    rows_ = [{"wer": "ann", "wann": "2024-01-01", "wieviel": "2"}]
    path, mapping = write(tmp_path / "o.csv", rows_), ["customer_id=wer", "amount=wieviel"]
    mapping.append("occurred_at=wann")
    expected = streamed(own(), [("purchase", path)], mapping=mapping)
    assert len(expected.states) == 1
    assert_same(expected, backfilled(own(), [str(path)], mapping=mapping))


def test_what_happened_at_the_very_cut_is_left_to_the_stream(tmp_path: Path) -> None:
    path = write(tmp_path / "o.csv", [bought(n, n) for n in range(4)])
    cut_us = (date(2020, 1, 3).toordinal() - date(1970, 1, 1).toordinal()) * DAY_US + DAY_US // 2
    found = backfilled(own(), [str(path)], cut_us)
    assert (found.past_the_cut, sum(sum(one.applied) for one in found.counted)) == (2, 2)
    assert_same(streamed(own(), [("purchase", path)], cut_us), found)
