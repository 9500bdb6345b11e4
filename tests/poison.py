"""How a good record is spoilt so that it must be refused: one way or more for every reason."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from tests.core.naive_decoder import RawRecord

Event = dict[str, Any]
Spoil = Callable[[Event, RawRecord, random.Random], RawRecord]


def _with(record: RawRecord, event: Event) -> RawRecord:
    return record._replace(value=json.dumps(event, ensure_ascii=False).encode())


def _setting(*choices: Event) -> Spoil:
    """Overwrites fields with one of the choices."""

    def spoil(event: Event, record: RawRecord, rng: random.Random) -> RawRecord:
        return _with(record, event | rng.choice(choices))

    return spoil


def _of_money(*choices: Event) -> Spoil:
    """The same, of an event made a purchase first: only money has an amount."""

    def spoil(event: Event, record: RawRecord, rng: random.Random) -> RawRecord:
        bought = {"order_id": "o-spoilt", "amount": "1.00", "currency": "USD"} | event
        bought = bought | {"type": "purchase"} | rng.choice(choices)
        return _with(record._replace(role="purchases"), bought)

    return spoil


def _not_json(event: Event, record: RawRecord, rng: random.Random) -> RawRecord:
    value = record.value or b""
    broken = (b"", value[:-1], value[:-1] + b',"\xff":1}', b"\xef\xbb\xbf" + value, b"not json")
    return record._replace(value=rng.choice(broken))


def _wrong_type(event: Event, record: RawRecord, rng: random.Random) -> RawRecord:
    if rng.random() < 0.3:
        return record._replace(value=rng.choice((b"[]", b"7", b'"purchase"', b"null", b"true")))
    return _with(record, event | rng.choice(({"event_id": 7}, {"occurred_at": 0}, {"type": []})))


def _missing_field(event: Event, record: RawRecord, rng: random.Random) -> RawRecord:
    lost = rng.choice(("event_id", "customer_id", "occurred_at"))
    return _with(record, {name: member for name, member in event.items() if name != lost})


def _bad_id(event: Event, record: RawRecord, rng: random.Random) -> RawRecord:
    bad = rng.choice(("", "x" * 129, "a\u0000b", "a\u0085"))
    if rng.random() < 0.5:
        return _with(record, event | {"event_id": bad})
    return _with(record._replace(key=bad.encode()), event | {"customer_id": bad})


def _key_mismatch(event: Event, record: RawRecord, rng: random.Random) -> RawRecord:
    return record._replace(key=rng.choice((None, b"", (record.key or b"") + b" ")))


def _wrong_partition(event: Event, record: RawRecord, rng: random.Random) -> RawRecord:
    """Of a customer nobody knows; whoever produces it must put it where it does not belong."""
    stray = f"stray-{rng.randrange(10**9)}"
    return _with(record._replace(key=stray.encode()), event | {"customer_id": stray})


def _in_the_future(event: Event, record: RawRecord, rng: random.Random) -> RawRecord:
    return _with(record, event | {"occurred_at": "2130-01-01T00:00:00Z"})


def _bad_value(event: Event, record: RawRecord, rng: random.Random) -> RawRecord:
    if event["type"] == "signup":
        return _with(record, event | {"channel": rng.choice(("", "x" * 65))})
    if event["type"] == "activity":
        return _with(record, event | {"kind": "glance"})
    return _of_money({"items": [{"sku": "A", "quantity": -1, "amount": "1.00"}]})(
        event, record, rng
    )


POISONS: dict[str, Spoil] = {
    "null_value": lambda event, record, rng: record._replace(value=None),
    "too_large": lambda event, record, rng: record._replace(value=b" " * 983_041),
    "not_json": _not_json,
    "wrong_type": _wrong_type,
    "unknown_type": _setting({"type": "sale"}, {"type": "PURCHASE"}, {"type": ""}),
    "missing_field": _missing_field,
    "bad_id": _bad_id,
    "key_mismatch": _key_mismatch,
    "wrong_partition": _wrong_partition,
    "bad_time": _setting(
        {"occurred_at": "yesterday"},
        {"occurred_at": "2023-02-30T00:00:00Z"},
        {"occurred_at": "2023-01-01T00:00:00"},
        {"occurred_at": "1969-12-31T23:59:59Z"},
    ),
    "in_the_future": _in_the_future,
    "bad_amount": _of_money({"amount": "-1"}, {"amount": "NaN"}, {"amount": "1,5"}, {"amount": -2}),
    "amount_precision": _of_money(
        {"amount": "1.001", "currency": "USD"}, {"amount": "1.5", "currency": "KRW"}
    ),
    "amount_too_large": _of_money({"amount": "10000000000000.01", "currency": "USD"}),
    "unknown_currency": _of_money({"currency": "ABC"}, {"currency": "usd"}, {"currency": ""}),
    "bad_fx_rate": _of_money(
        {"currency": "EUR", "fx_rate": "0", "amount": "1.00"},
        {"currency": "USD", "fx_rate": "1.1", "amount": "1.00"},
    ),
    "bad_value": _bad_value,
}
"""By the reason that the spoilt record must be refused for. A `wrong_partition` record is a good
one that its producer has to misplace: to the partition after the one that murmur2 gives."""
