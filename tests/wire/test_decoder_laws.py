"""Laws of the decoder: total, the fast way equal to the rules, bounded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream_app.core.calendar import Calendar
from stream_app.core.events import Activity, Purchase, Signup
from stream_app.wire.events import Decoder
from stream_app.wire.nesting import too_deep
from stream_app.wire.record import Record
from stream_app.wire.refusal import MAX_DETAIL, Reason, Refusal

NOW_MS = 1_704_110_400_000
MAX_VALUE = 983_040
DECODERS = {
    role: Decoder(role, Calendar(zone), "USD", MAX_VALUE)
    for role, zone in (
        ("purchases", "Europe/Berlin"),
        ("signups", "UTC"),
        ("activity", "America/New_York"),
    )
}
ROLES = st.sampled_from(sorted(DECODERS))
GOOD: dict[str, Any] = {
    "type": "purchase", "event_id": "e", "customer_id": "c", "order_id": "o", "amount": "1.00",
    "occurred_at": "2024-01-01T00:00:00Z", "ordered_at": "2023-12-31T23:30:00-02:00",
    "currency": "USD", "fx_rate": None, "items": None, "channel": "ads", "kind": "visit",
}  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=4),
    st.sampled_from((
        "c", "x" * 128, "x" * 129, "a\x00b", "a\x7f", "a\x85", "a\u2028", "\u00a0", "\ud83d\ude00",
        "12.34", "12.345", "1e3", "-0.00", "-1", "+1", ".5", "5.", "007.50", "1_0", " 1", "١٢",
        "1000000000000000", "10000000000000", "10000000000000.01", "NaN", "Infinity", "1.0825",
        "USD", "EUR", "KRW", "KWD", "usd", "XXX", "purchase", "refund", "cancellation", "signup",
        "activity", "login", "2024-01-01T00:00:00.123456789+05:45", "2024-01-01t00:00:60z",
        "2024-01-02T12:00:00Z", "2024-01-02T12:00:00.000001Z", "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00Z", "2024-W01-1T00:00:00Z", "20240101T000000.00Z", "2024-01-01T00:00Z",
        "2024-01-01 00:00:00Z", "2024-01-01T00:00:00", "2149-06-06T00:00:00Z",
        "9999-12-31T23:59:59Z",
    )),
)  # fmt: skip
MEMBERS = st.one_of(
    TEXTS,
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.just({}),
    st.lists(
        st.one_of(
            st.none(),
            st.dictionaries(
                st.sampled_from(("sku", "quantity", "amount", "other")),
                st.one_of(TEXTS, st.none(), st.integers(-2, 3), st.floats(-2, 3), st.just([])),
            ),
        ),
        max_size=3,
    ),
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(("ce_id", "ce_time", "ce_type", "ltv-timestamp", "traceparent")),
        st.one_of(
            st.none(),
            st.binary(max_size=4),
            st.sampled_from((
                b"purchase", b"com.shop.refund", b"2024-01-01T00:00:00Z", b"e-9", b"1704110400000",
                b"x" * 2_000, b"-1", b"0",
            )),
        ),
    ),
    max_size=3,
)  # fmt: skip
STAMPS = st.sampled_from((NOW_MS, NOW_MS, -1, None, 0, 2**62))


def value_of(
    changed: dict[str, Any], lost: set[str], doubled: dict[str, Any], ascii: bool
) -> bytes:
    event = {name: member for name, member in (GOOD | changed).items() if name not in lost}
    pairs = [*doubled.items(), *event.items()]
    texts = [f"{json.dumps(name)}: {_number(member, ascii)}" for name, member in pairs]
    return ("{" + ", ".join(texts) + "}").encode("utf-8", "surrogatepass")


def _number(member: Any, ascii: bool) -> str:
    return json.dumps(member, ensure_ascii=ascii)


VALUES = st.builds(
    value_of,
    st.dictionaries(st.sampled_from(sorted(GOOD)), MEMBERS, max_size=3),
    st.sets(st.sampled_from(sorted(GOOD)), max_size=2),
    st.dictionaries(st.sampled_from((*sorted(GOOD), "other")), MEMBERS, max_size=1),
    st.booleans(),
)
RECORDS = st.builds(
    lambda value, key, stamp, headers: Record("t", 0, 0, stamp, key, value, headers),
    VALUES,
    st.one_of(st.just(b"c"), st.just(b"c"), st.none(), st.binary(max_size=3)),
    STAMPS,
    HEADERS,
)


@given(ROLES, RECORDS)
@settings(max_examples=3_000, deadline=None)
def test_the_fast_way_and_the_rules_come_to_the_same(role: str, record: Record) -> None:
    decoder = DECODERS[role]
    assert decoder.decode(record) == decoder.decode_by_rules(record)


def cut_and_changed(value: bytes, at: int, byte: int) -> bytes:
    """A value with one byte changed, or cut off there."""
    at %= len(value) + 1
    return value[:at] if byte > 255 else value[:at] + bytes((byte,)) + value[at + 1 :]


@given(
    ROLES,
    st.one_of(
        st.none(),
        st.binary(max_size=200),
        st.builds(cut_and_changed, VALUES, st.integers(0, 400), st.integers(0, 300)),
    ),
    st.one_of(st.none(), st.binary(max_size=8)),
    HEADERS,
)
@example("purchases", b"[" * 100_000, b"c", [])
@example("purchases", b'{"a":' * 100_000, b"c", [])
@example("purchases", b'{"amount": 1e' + b"9" * 100_000 + b"}", b"c", [])
@example("purchases", b'{"amount": "' + b"9" * 100_000 + b'"}', b"c", [])
@settings(max_examples=2_000, deadline=None)
def test_any_bytes_give_an_event_or_a_refusal_of_one_line(
    role: str, value: bytes | None, key: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    record = Record("t", 0, 0, NOW_MS, key, value, headers)
    found = DECODERS[role].decode(record)
    assert found == DECODERS[role].decode_by_rules(record)
    if isinstance(found, Refusal):
        assert 0 < len(found.detail) <= MAX_DETAIL
        assert found.detail.isprintable()


def purchase(**changed: Any) -> Record:
    """A purchase of today, with these members instead."""
    value = json.dumps(GOOD | changed).encode()
    return Record("purchases", 0, 0, NOW_MS, b"c", value)


def test_usual_records_take_the_fast_way() -> None:
    """Else a change of the rules could silently make everything slow."""
    for changed in (
        {},
        {"amount": 12.5},
        {"items": [{"sku": "A-1", "quantity": 2, "amount": "5.00"}]},
        {"type": "refund"},
        {"type": "cancellation"},
        {"currency": "EUR", "fx_rate": "1.0825"},
        {"note": "é" * 500},
    ):
        assert DECODERS["purchases"]._usual(purchase(**changed)) is not None, changed
    for role, kind, made in (("signups", "signup", Signup), ("activity", "activity", Activity)):
        assert isinstance(DECODERS[role]._usual(purchase(type=kind)), made)


def test_a_value_exactly_at_the_limit_is_read_and_one_byte_more_is_not() -> None:
    record = purchase()
    value = record.value or b""
    padded = value + b" " * (MAX_VALUE - len(value))
    at_limit = Record("purchases", 0, 0, NOW_MS, b"c", padded)
    over = Record("purchases", 0, 0, NOW_MS, b"c", padded + b" ")
    assert isinstance(DECODERS["purchases"].decode(at_limit), Purchase)
    refused = DECODERS["purchases"].decode(over)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.TOO_LARGE


@given(st.recursive(st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=20))
def test_nesting_is_counted_as_a_walk_counts_it(tree: Any) -> None:
    text = json.dumps({'a"\\[': tree, "b": ["[", '"', "\\"] * 60})
    lifted = "[" * 125 + text + "]" * 125
    assert too_deep(lifted.encode()) == (125 + 1 + max(_depth(tree), 1) > 128)


def _depth(tree: Any) -> int:
    return 1 + max(map(_depth, tree), default=0) if isinstance(tree, list) else 0


@pytest.mark.parametrize("levels", [127, 128])
def test_the_limit_of_nesting_does_not_depend_on_the_callers_stack(levels: int) -> None:
    tree: Any = 1
    for _ in range(levels):
        tree = [tree]
    record = purchase(tree=tree)
    expected = levels == 127
    assert isinstance(DECODERS["purchases"].decode(record), Purchase) is expected
    assert isinstance(_deep_down(300, record), Purchase) is expected


def _deep_down(levels: int, record: Record) -> Any:
    if levels:
        return _deep_down(levels - 1, record)
    return DECODERS["purchases"].decode(record)
