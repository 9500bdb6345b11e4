"""The decoder against the oracle, on records made of odd pieces: same event, or same reason."""

from __future__ import annotations

import random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.calendar import Calendar
from stream_app.wire.events import Decoder
from stream_app.wire.record import Record
from stream_app.wire.refusal import Refusal
from tests import examples
from tests.core.naive_decoder import MAX_VALUE, TYPES, RawRecord, Refused, judge
from tests.core.naive_time import business_day

STAMP_MS = 1_704_110_400_000  # 2024-01-01T12:00:00Z
ZONE = "America/New_York"
DECODERS = {role: Decoder(role, Calendar(ZONE), "USD", MAX_VALUE) for role in TYPES}

ANY = ("null", "true", "0", "-1", "1.50", '""', '"x"', "[]", "{}", "[{}]", '"\\ud800"', '"\\u0000"')
IDS = (
    '"c-1"',
    '"\\u0063-1"',
    '"é"',
    f'"{"x" * 128}"',
    f'"{"x" * 129}"',
    '"a\\tb"',
    '"\\ud83d\\ude00"',
)
TIMES = (
    '"2024-01-01T11:59:58Z"', '"2024-01-01t11:59:58.5z"', '"2024-01-01T11:59:58+14:00"',
    '"2024-01-02T12:00:00Z"', '"2024-01-02T12:00:00.000001Z"', '"1970-01-01T00:00:00Z"',
    '"1970-01-01T00:00:00+00:01"', '"2023-12-31T23:59:60Z"', '"2023-02-29T00:00:00Z"',
    '"2024-01-01 11:59:58Z"', '"2024-01-01T11:59Z"', '"9999-12-31T23:59:59Z"', '"noon"',
    '"2024-01-01T04:59:59.999999999Z"', '"2024-01-01T11:59:58-00:00"', '"2024-01-01T24:00:00Z"',
)  # fmt: skip
AMOUNTS = (
    '"12.34"', "12.34", '"1.230"', '"1.234"', "1e2", "1e-2", "1e-3", '"-0"', '"-1"', '"NaN"', "NaN",
    '"1e2"', '".5"', '"5."', '"+1"', '" 1"', '"007"', '"10000000000000"', '"10000000000000.01"',
    "1E+15", "1e400", "-0.0", "0e-400", "123456789012345678901234567890", '"\u0661"', '"1_0"', '""',
)  # fmt: skip
CURRENCIES = ('"USD"', '"EUR"', '"KRW"', '"KWD"', '"CLF"', '"usd"', '"ABC"', '"XAU"', '""')
RATES = (
    '"1"', '"1.0"', '"1.1"', '"0"', '"0.00072"', '"999999999"', '"1000000000"', '"-1"', '"1e1"',
    '"123456789.123456789"', '"0.123456789012345678"', '"1.1234567890123456789"', '"x"', "1.1",
    '"01.5"', '"000000000000000001"', '"1."', '".5"', '""',
)  # fmt: skip
ITEMS = (
    "[]", "[{}]", "[null]", '[{"sku":"A","quantity":2,"amount":"1.00"}]', '[{"sku":""}]',
    '[{"sku":5}]', '[{"quantity":0}]', '[{"quantity":-1}]', '[{"quantity":1.5}]',
    '[{"quantity":"2"}]', '[{"quantity":true}]', '[{"amount":1.005}]', '[{"amount":"-1"}]',
    '[{"amount":[]}]', '[{"sku":null,"quantity":null,"amount":null}]', '[{"x":1e999}]', '["A"]',
    '[{"quantity":2.0}]', '[{"quantity":1e3}]', '[{"amount":"1e400"}]', '[{"amount":1e400}]',
)  # fmt: skip
PIECES: dict[str, tuple[str, ...]] = {
    "type": (*(f'"{kind}"' for kinds in TYPES.values() for kind in kinds), '"sale"', '""'),
    "event_id": IDS,
    "customer_id": IDS,
    "occurred_at": TIMES,
    "order_id": IDS,
    "amount": AMOUNTS,
    "currency": CURRENCIES,
    "fx_rate": RATES,
    "items": ITEMS,
    "ordered_at": TIMES,
    "channel": ('"ads"', '""', f'"{"x" * 64}"', f'"{"x" * 65}"', '"a\\nb"', '"\\u0085"'),
    "kind": ('"login"', '"visit"', '"LOGIN"', '""'),
    "other": (
        "1e999",
        "-",
        "01",
        '"\\ud800"',
        '"\\x"',
        '"\t"',
        "[[[[]]]]",
        "9" * 5000,
        "nul",
        "1.e1",
    ),
}
FIRST = {name: pieces[0] for name, pieces in PIECES.items() if name not in ("other", "type")}
HEADERS = (
    ("ce_id", b"ce-1"), ("ce_id", b""), ("ce_id", b"\xff"), ("ce_id", b"a\nb"),
    ("ce_time", b"2024-01-01T10:00:00Z"), ("ce_time", b"noon"), ("ce_type", b"shop.refund"),
    ("ce_type", b"signup"), ("ce_type", b"x."), ("ce_type", b"\xff"),
    ("ltv-timestamp", b"1704110400000"), ("ltv-timestamp", b"0"), ("ltv-timestamp", b""),
    ("ltv-timestamp", b"-1"), ("ltv-timestamp", b" 1704110400000"), ("ltv-timestamp", b"1_0"),
)  # fmt: skip


@st.composite
def records(draw: st.DrawFn) -> RawRecord:
    """A good record of some type with a few of its pieces changed, lost, or said twice."""
    role, kind = draw(st.sampled_from([(r, k) for r, kinds in TYPES.items() for k in kinds]))
    members = [("type", f'"{kind}"'), *FIRST.items()]
    for name in draw(st.lists(st.sampled_from(sorted(PIECES)), max_size=3)):
        piece = draw(st.sampled_from(PIECES[name] + ANY))
        if draw(st.booleans()):
            members = [member for member in members if member[0] != name]
        if draw(st.integers(0, 4)):
            members.append((name, piece))
    value = "{" + ", ".join(f'"{name}": {piece}' for name, piece in members) + "}"
    return RawRecord(
        role=role,
        key=draw(st.sampled_from((b"c-1", b"c-1", b"c-1", "é".encode(), b"x" * 128, b"", None))),
        value=value.encode(),
        timestamp_ms=draw(st.sampled_from((STAMP_MS, STAMP_MS, STAMP_MS, 0, None))),
        headers=tuple(draw(st.lists(st.sampled_from(HEADERS), max_size=2))),
    )


def by_oracle(raw: RawRecord) -> Any:
    """The decoded event's fields with their type, or the reason."""
    try:
        event = judge(raw)
    except Refused as refused:
        return refused.reason
    fields = event | {"day": business_day(event["at_us"], ZONE)}
    if event["type"] == "cancellation":
        fields["occurred_day"] = fields["day"]
        fields["day"] = business_day(fields.pop("ordered_us"), ZONE)
    return fields


def by_decoder(raw: RawRecord) -> Any:
    """The same of the product."""
    stamp = -1 if raw.timestamp_ms is None else raw.timestamp_ms
    record = Record(raw.role, 0, 0, stamp, raw.key, raw.value, raw.headers)
    event = DECODERS[raw.role].decode(record)
    if isinstance(event, Refusal):
        return str(event.reason)
    return msgspec.structs.asdict(event) | {"type": type(event).__name__.lower()}


@given(records())
@settings(max_examples=600, deadline=None)
def test_odd_records_come_to_the_same_as_by_the_oracle(raw: RawRecord) -> None:
    assert by_decoder(raw) == by_oracle(raw)


@given(st.randoms(use_true_random=False))
@settings(max_examples=600, deadline=None)
def test_damaged_examples_come_to_the_same_as_by_the_oracle(rng: random.Random) -> None:
    """Bytes of an example cut, swapped or overwritten: never a crash, never a difference."""
    raw = rng.choice(SMALL).raw
    value = bytearray(raw.value or b"")
    for _ in range(rng.randint(1, 2)):
        start = rng.randrange(len(value) + 1)
        piece = rng.choice(
            (b"", b'"', b"\\", b"}", b",", b"0", b"e", b"-", b"\xff", b"\x00", b"null")
        )
        value[start : start + rng.randint(0, 3)] = piece
    damaged = raw._replace(value=bytes(value))
    assert by_decoder(damaged) == by_oracle(damaged)


SMALL = [
    example
    for example in examples.accepted() + examples.refused()
    if example.raw.value and len(example.raw.value) < 2_000
]
