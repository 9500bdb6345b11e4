"""Two readings of the rules, written apart, must judge every record alike."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.calendar import Calendar
from stream_app.jobs.recount.read import Entry, Reader, Rules
from stream_app.wire.events import Decoder
from stream_app.wire.refusal import Refusal
from tests.jobs.records import JULY_2024_MS, Raw

ODD_TEXTS = st.sampled_from(
    ["", "anna", "a\x00b", "a\x9fb", "\ud800", "é" * 128, "x" * 129, "\u2028", "0", " ", "😀"]
) | st.text(max_size=5)
TIMES = st.sampled_from(
    [
        "2024-06-30T23:59:60Z",
        "2024-07-01t24:00:00Z",
        "2024-07-02T00:00:00.0000000Z",
        "2024-07-02T00:00:00.000001Z",
        "2024-02-30T00:00:00Z",
        "2024-02-29T10:00:00.1234567+05:30",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00-00:00",
        "1970-01-01T00:00:00+00:01",
        "2024-07-01 00:00:00Z",
        "2024-07-01T00:00Z",
        "2024-07-01T00:00:00",
        "2024-07-01T00:00:00+24:00",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:60-23:59",
        "\uff12024-07-01T00:00:00Z",
        "2024-07-01T00:00:00Z\n",
        "2149-06-04T23:59:59Z",
        "2149-06-05T00:00:00Z",
    ]
)
AMOUNTS = st.sampled_from(
    ["12.34", "1.230", "1.234", "-0", "-0.0", "-1", "+1", ".5", "5.", "1e2", "007", "NaN",
     "Infinity", "10000000000000", "10000000000000.01", "1000000000000000.001", "1_000", " 1",
     "\uff11", "0", "", 12, -1, 10**15, 1.5]
)  # fmt: skip
NUMBERS = st.sampled_from(
    ["1e2", "1E-2", "-0.0", "-0", "1.10", "1e-3", "12.345", "1e999999999999", "0e-99999999999999",
     "-1e5", "1e13", "1.00000000000000000000000000000e15",
     "9" * 5_000]
)  # fmt: skip
ANYTHING: st.SearchStrategy[Any] = st.sampled_from([None, 1, 1.5, True, "x", [], {}, [{}], [1]])
ITEMS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "sku": ODD_TEXTS | ANYTHING,
            "quantity": st.sampled_from([0, 1, -1, 2.0, 1.5, 10**10, "1", None, True]),
            "amount": AMOUNTS | ANYTHING,
            "more": ANYTHING,
        },
    )
    | ANYTHING,
    max_size=3,
)
FIELDS = {
    "type": st.sampled_from(["purchase", "refund", "cancellation", "signup", "activity", "Sale"])
    | ANYTHING,
    "event_id": ODD_TEXTS | ANYTHING,
    "customer_id": ODD_TEXTS | ANYTHING,
    "occurred_at": TIMES | ANYTHING,
    "ordered_at": TIMES | ANYTHING,
    "order_id": ODD_TEXTS | ANYTHING,
    "amount": AMOUNTS | ANYTHING,
    "currency": st.sampled_from(["USD", "usd", "KRW", "KWD", "CLF", "XAU", "EUR", ""]) | ANYTHING,
    "fx_rate": st.sampled_from(
        ["1", "1.0", "0", "0.0", "1e3", "-1", "999999999.999999999", "1000000000", "0.00072",
         "123456789012345678", "1.234567890123456789", "01.5", "+1", ""]
    ) | ANYTHING,
    "items": ITEMS | ANYTHING,
    "channel": ODD_TEXTS | st.just("c" * 65) | ANYTHING,
    "kind": st.sampled_from(["login", "visit", "Login"]) | ANYTHING,
    "unknown": ANYTHING | st.just([[[]]] * 3),
}  # fmt: skip
PLAIN = {
    "event_id": "e-1",
    "customer_id": "anna",
    "occurred_at": "2024-06-30T12:00:00Z",
    "ordered_at": "2024-06-29T12:00:00Z",
    "order_id": "o-1",
    "amount": "12.34",
    "currency": "USD",
}
HEADERS: st.SearchStrategy[Any] = st.lists(
    st.tuples(
        st.sampled_from(["ce_id", "ce_time", "ce_type", "ltv-timestamp", "other"]),
        st.sampled_from(
            [b"", b"\xff", b"com.shop.refund", b"signup", b"1719792000000", b"-1", b"12x",
             b"2024-06-30T12:00:00Z", b"2024-06-30T12:00:00." + b"0" * 1100 + b"Z", b"9" * 19, None]
        ),
    ),
    max_size=3,
)  # fmt: skip


@st.composite
def records(draw: st.DrawFn) -> Raw:
    """A record that is right but for a few fields, headers, its key or its timestamp."""
    value: dict[str, Any] = dict(PLAIN)
    for name in draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=4)):
        value[name] = draw(FIELDS[name])
    for name in draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=2)):
        value.pop(name, None)
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()):
        text = text.replace('"12.34"', draw(NUMBERS))
    encoded = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(encoded)))
        encoded = (
            encoded[:at] + draw(st.binary(max_size=2)) + encoded[at + draw(st.integers(0, 2)) :]
        )
    customer = value.get("customer_id")
    key = customer.encode("utf-8", "surrogatepass") if isinstance(customer, str) else b"anna"
    return Raw(
        topic="",
        partition=0,
        offset=0,
        timestamp=draw(st.sampled_from([JULY_2024_MS] * 5 + [None, -1, 0, 2**62])),
        key=draw(st.sampled_from([key] * 5 + [None, b"bert"])),
        value=draw(
            st.sampled_from([encoded] * 20 + [None, b"", b"[]", b'"x"', b"{}", b"\xef\xbb\xbf{}"])
        ),
        headers=tuple(draw(HEADERS)),
    )


def said_by_decoder(decoder: Decoder, record: Raw) -> tuple[Any, ...]:
    """Reason, or all that counts of an event."""
    event = decoder.decode(record)
    if isinstance(event, Refusal):
        return (str(event.reason),)
    kind = type(event).__name__.lower()
    identity = event.order_id if kind == "cancellation" else event.event_id  # type: ignore[union-attr]
    seen = (kind, event.customer_id, identity, event.at_us, event.day)
    money = tuple(getattr(event, name, None) for name in ("currency", "amount_minor", "base_minor"))
    return (*seen, *money, getattr(event, "channel", None))


def said_by_recount(reader: Reader, record: Raw) -> tuple[Any, ...]:
    """The same of the recount."""
    entry = reader.read(record)
    if isinstance(entry, str):
        return (entry,)
    return tuple(entry) if entry.currency else (*entry[:5], None, None, None, entry.channel)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize("role", ["purchases", "signups", "activity"])
@settings(max_examples=150, deadline=None)
@given(record=records())
def test_the_recount_and_the_decoder_judge_alike(role: str, zone: str, record: Raw) -> None:
    decoder = Decoder(role, Calendar(zone), "USD", 983_040)
    reader = Reader(role, Rules("USD", zone, "trust", 1, 983_040))
    assert said_by_recount(reader, record) == said_by_decoder(decoder, record)


def test_an_entry_has_the_fields_that_are_compared() -> None:
    assert Entry._fields[5:] == ("currency", "minor", "base_minor", "channel")
