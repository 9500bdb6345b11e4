"""One raw record -> an entry of the ledger, or the reason it is refused.

The rules stand in the order in which they decide: the first that is broken names the reason.
Where a field may be missing, null means the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple, Protocol

from stream_app.jobs.recount.currency import minor_digits
from stream_app.jobs.recount.instant import MICROSECONDS_A_DAY, InstantReader, day_reader
from stream_app.jobs.recount.parse import NotJson, Number, parse
from stream_app.jobs.recount.placement import placement
from stream_app.jobs.recount.quantity import convert, is_amount, read_amount, read_rate


class RawRecord(Protocol):
    """What the recount reads of a Kafka record; aiokafka's ConsumerRecord has it all."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int | None: ...
    @property
    def key(self) -> Any: ...
    @property
    def value(self) -> Any: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class Entry(NamedTuple):
    """An acceptable record: what happened, to whom, when, for how much.

    `day` is where the effect is booked, in days since 1970: a cancellation's is the day of the
    purchase it takes back.  `base_minor` is None for another currency without a rate, and for what
    is not money.
    """

    type: str
    customer: str
    identity: str
    at_us: int
    day: int
    currency: str
    minor: int
    base_minor: int | None
    channel: str | None


@dataclass(frozen=True)
class Rules:
    """The settings that decide what is acceptable and on which day it counts."""

    currency: str
    time_zone: str
    partitioner: str
    partitions: int
    largest_value_bytes: int


class _Refused(Exception):
    """The way out of the checks; never seen outside."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


# A field, the JSON types it may have, and whether it must be there.
Field = tuple[str, tuple[type, ...], bool]
_TEXT: Final = (str,)
_ANY: Final[tuple[Field, ...]] = (
    ("event_id", _TEXT, True),
    ("customer_id", _TEXT, True),
    ("occurred_at", _TEXT, True),
)
_ORDER: Final[tuple[Field, ...]] = (
    *_ANY,
    ("order_id", _TEXT, True),
    ("amount", (str, int, Number), True),
    ("currency", _TEXT, True),
    ("fx_rate", _TEXT, False),
)
FIELDS: Final[Mapping[str, tuple[Field, ...]]] = {
    "purchase": (*_ORDER, ("items", (list,), False)),
    "refund": _ORDER,
    "cancellation": (*_ORDER, ("ordered_at", _TEXT, True)),
    "signup": (*_ANY, ("channel", _TEXT, False)),
    "activity": (*_ANY, ("kind", _TEXT, False)),
}
TYPES_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "purchases": ("purchase", "refund", "cancellation"),
    "signups": ("signup",),
    "activity": ("activity",),
}
# Unicode's category Cc; and what a header's bytes become where they are no UTF-8.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LAST_US = (date(2149, 6, 5) - date(1970, 1, 1)).days * MICROSECONDS_A_DAY
"""Instants from here on have no day that a state can hold."""


class Reader:
    """Reads the records of one topic, known by its role: purchases, signups or activity."""

    def __init__(self, role: str, rules: Rules) -> None:
        self._types = TYPES_OF[role]
        self._currency = rules.currency
        self._largest = rules.largest_value_bytes
        self._digits = minor_digits()
        self._place = placement(rules.partitioner, rules.partitions)
        self._placed: set[tuple[bytes, int]] = set()
        self._instant = InstantReader().microseconds
        self._day = day_reader(rules.time_zone)

    def read(self, record: RawRecord) -> Entry | str:
        """The entry, or the reason as one word."""
        try:
            found = self._object(record.value)
            if record.headers:
                _fill_from_headers(found, record.headers)
            kind = self._type(found)
            _check_fields(found, FIELDS[kind])
            self._check_ids(found, record)
            at_us, day = self._when(kind, found, record)
            if kind in ("signup", "activity"):
                return _without_money(kind, found, at_us, day)
            return self._money(kind, found, at_us, day)
        except _Refused as refused:
            return refused.reason

    def _object(self, value: bytes | None) -> dict[str, Any]:
        if value is None:
            raise _Refused("null_value")
        if len(value) > self._largest:
            raise _Refused("too_large")
        try:
            found = parse(value)
        except NotJson:
            raise _Refused("not_json") from None
        if type(found) is not dict:
            raise _Refused("wrong_type")
        return found

    def _type(self, found: dict[str, Any]) -> str:
        kind = found.get("type")
        if kind is None:
            return self._types[0]
        if type(kind) is not str:
            raise _Refused("wrong_type")
        if kind not in self._types:
            _check_types(found, _ANY)
            raise _Refused("unknown_type")
        return kind

    def _check_ids(self, found: dict[str, Any], record: RawRecord) -> None:
        customer, key = found["customer_id"], record.key
        if not (_is_word(customer) and _is_word(found["event_id"])):
            raise _Refused("bad_id")
        if len(self._types) > 1 and not _is_word(found["order_id"]):  # the topic of orders
            raise _Refused("bad_id")
        if key is None or key != customer.encode():
            raise _Refused("key_mismatch")
        if self._place is None or (key, record.partition) in self._placed:
            return
        if self._place(key) != record.partition:
            raise _Refused("wrong_partition")
        self._placed.add((key, record.partition))

    def _when(self, kind: str, found: dict[str, Any], record: RawRecord) -> tuple[int, int]:
        at_us = self._instant(found["occurred_at"])
        booked_us = self._instant(found["ordered_at"]) if kind == "cancellation" else at_us
        stamp = record.timestamp if not record.headers else _stamp(record)
        if stamp is None or stamp < 0 or at_us is None or at_us < 0:
            raise _Refused("bad_time")
        if booked_us is None or booked_us < 0:
            raise _Refused("bad_time")
        if at_us > stamp * 1_000 + MICROSECONDS_A_DAY or booked_us > at_us + MICROSECONDS_A_DAY:
            raise _Refused("in_the_future")
        if max(at_us, booked_us) >= _LAST_US:
            raise _Refused("in_the_future")
        return at_us, self._day(booked_us)

    def _money(self, kind: str, found: dict[str, Any], at_us: int, day: int) -> Entry:
        currency = found["currency"]
        digits = self._digits.get(currency)
        minor = read_amount(found["amount"], digits)
        if isinstance(minor, str):
            raise _Refused(minor)
        assert digits is not None  # an unknown currency has been refused
        base = self._in_base(currency, minor, digits, found.get("fx_rate"))
        items = found.get("items") if kind == "purchase" else None
        if items and not all(map(_is_item, items)):
            raise _Refused("bad_value")
        identity = found["order_id" if kind == "cancellation" else "event_id"]
        customer = found["customer_id"]
        return Entry(kind, customer, identity, at_us, day, currency, minor, base, None)

    def _in_base(self, currency: str, minor: int, digits: int, rate_text: str | None) -> int | None:
        if rate_text is None:
            return minor if currency == self._currency else None
        rate = read_rate(rate_text)
        if rate is None or (currency == self._currency and rate != 1):
            raise _Refused("bad_fx_rate")
        return convert(minor, rate, digits, self._digits[self._currency])


def _check_fields(found: dict[str, Any], fields: tuple[Field, ...]) -> None:
    """JSON types first, then presence: a wrong type anywhere comes before a missing field."""
    missing = _check_types(found, fields)
    items = found.get("items") if fields is FIELDS["purchase"] else None
    if items is not None and any(type(item) is not dict for item in items):
        raise _Refused("wrong_type")
    if missing:
        raise _Refused("missing_field")


def _check_types(found: dict[str, Any], fields: tuple[Field, ...]) -> bool:
    """Refuse a wrong JSON type; return whether a field that must be there is missing."""
    missing = False
    for name, types, must in fields:
        value = found.get(name)
        if value is None:
            missing = missing or must
        elif type(value) not in types:
            raise _Refused("wrong_type")
    return missing


def _is_word(text: str, longest: int = 128) -> bool:
    """Text of 1 to `longest` characters, no control character among them."""
    return 1 <= len(text) <= longest and _CONTROL.search(text) is None


def _without_money(kind: str, found: dict[str, Any], at_us: int, day: int) -> Entry:
    channel = found.get("channel") if kind == "signup" else None
    if channel is not None and not _is_word(channel, 64):
        raise _Refused("bad_value")
    if kind == "activity" and found.get("kind") not in (None, "login", "visit"):
        raise _Refused("bad_value")
    return Entry(kind, found["customer_id"], found["event_id"], at_us, day, "", 0, None, channel)


def _is_item(item: dict[str, Any]) -> bool:
    """Every member may be missing; one that is there keeps its rule."""
    sku, quantity, amount = item.get("sku"), item.get("quantity"), item.get("amount")
    return (
        (sku is None or (type(sku) is str and _is_word(sku)))
        and (quantity is None or (type(quantity) in (int, Number) and _is_quantity(quantity)))
        and (amount is None or (type(amount) in (str, int, Number) and is_amount(amount)))
    )


def _is_quantity(written: int | Number) -> bool:
    """Whether a number is whole and at least one; 2.0 is."""
    return re.fullmatch(r"[1-9][0-9]*(\.0+)?", str(written)) is not None


_LONGEST_HEADER: Final = 1_024  # bytes that are looked at
_FROM_HEADER: Final = (("event_id", "ce_id"), ("occurred_at", "ce_time"), ("type", "ce_type"))


def _fill_from_headers(found: dict[str, Any], headers: Iterable[tuple[str, bytes | None]]) -> None:
    """CloudEvents in binary mode: id, time and type stand in the headers; the value is stronger."""
    given = _last_texts(headers)
    for name, header in _FROM_HEADER:
        if found.get(name) is None and header in given:
            text = given[header]
            found[name] = text.rpartition(".")[2] if name == "type" else text


def _stamp(record: RawRecord) -> int | None:
    """Milliseconds that `occurred_at` is judged by: a copying tool's header, else the record's."""
    copied = _last_texts(record.headers).get("ltv-timestamp")
    if copied is None:
        return record.timestamp
    return int(copied) if re.fullmatch("[0-9]{1,18}", copied) else None


def _last_texts(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """Of a header given twice the last counts; bytes that are no UTF-8 break every rule."""
    return {
        name: value[:_LONGEST_HEADER].decode("utf-8", "surrogateescape")
        for name, value in headers
        if value is not None
    }
