"""The oracle's reading of a record: raw bytes to a plain dict, or the reason why not.

Written from the published rules (`schemas/README.md`), never from the product's decoder, and
sharing no code with it: slow, literal, one rule after another in the order in which they decide.
The end to end tests use it to say beforehand which dead letters must appear.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from tests.core.naive_money import EXPONENTS, amount_of, amount_text, rate_of
from tests.core.naive_time import DAY_US, instant_us

MAX_VALUE = 983_040  # bytes: Kafka's 1 MB less the 64 KiB that a dead letter's headers may take

TYPES = {
    "purchases": ("purchase", "refund", "cancellation"),
    "signups": ("signup",),
    "activity": ("activity",),
}
IDS = ("event_id", "customer_id", "order_id")
COMMON = {"type": "text", "event_id": "text", "customer_id": "text", "occurred_at": "text"}
MONEY = {"order_id": "text", "amount": "amount", "currency": "text", "fx_rate": "text"}
DECLARED = {
    "purchase": COMMON | MONEY | {"items": "list"},
    "refund": COMMON | MONEY,
    "cancellation": COMMON | MONEY | {"ordered_at": "text"},
    "signup": COMMON | {"channel": "text"},
    "activity": COMMON | {"kind": "text"},
}
OPTIONAL = {"type", "fx_rate", "items", "channel", "kind"}


class RawRecord(NamedTuple):
    """A record as Kafka holds it, of the topic with this role; `timestamp_ms` may be missing."""

    role: str
    key: bytes | None
    value: bytes | None
    timestamp_ms: int | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int = 0


class Refused(Exception):
    """The record is refused; `reason` is the word for it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Number(str):
    """A JSON number, kept as the text it was written in."""


def judge(
    raw: RawRecord,
    *,
    currency: str = "USD",
    max_value: int = MAX_VALUE,
    partitions: int | None = None,
) -> dict[str, Any]:
    """The event in a record, as a dict with exact numbers; raises Refused.

    `partitions` switches the wrong_partition rule on (murmur2 of the key).
    Keys of the result: type, customer_id, event_id, at_us, and of money order_id, currency,
    amount_minor, base_minor, (cancellation) ordered_us; channel of a signup; kind of an activity.
    """
    value = _parsed(raw.value, max_value)
    kind = _checked_type(value, raw)
    filled = _filled(value, kind, raw)
    _check_ids(filled, raw)
    if partitions is not None and raw.partition != java_partition(raw.key or b"", partitions):
        raise Refused("wrong_partition")
    event = {name: filled[name] for name in IDS if name in DECLARED[kind]} | {"type": kind}
    event |= _times(filled, kind, raw)
    if "amount" in DECLARED[kind]:
        event |= _money(filled, currency)
    return event | _values(filled, kind)


def reason_of(raw: RawRecord, **rules: Any) -> str | None:
    """The reason for which a record is refused, None when it is not."""
    try:
        judge(raw, **rules)
    except Refused as refused:
        return refused.reason
    return None


def _parsed(value: bytes | None, max_value: int) -> dict[str, Any]:
    if value is None:
        raise Refused("null_value")
    if len(value) > max_value:
        raise Refused("too_large")
    try:
        parsed = json.loads(
            value.decode("utf-8"), parse_int=Number, parse_float=Number, parse_constant=_no_constant
        )
        for text in _texts(parsed):
            text.encode("utf-8")  # a lone surrogate can't be
    except (ValueError, RecursionError):
        raise Refused("not_json") from None
    if not isinstance(parsed, dict):
        raise Refused("wrong_type")
    return {name: member for name, member in parsed.items() if member is not None}


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)


def _has_kind(value: Any, expected: str) -> bool:
    if expected == "list":
        return isinstance(value, list) and all(isinstance(item, dict) for item in value)
    if expected == "amount":
        return isinstance(value, str)  # Number is one too
    return isinstance(value, str) and not isinstance(value, Number)


def _checked_type(value: dict[str, Any], raw: RawRecord) -> str:
    """The record's type, once every field declared for it has its JSON type."""
    if "type" in value and not _has_kind(value["type"], "text"):
        raise Refused("wrong_type")
    kind: str = value.get("type", TYPES[raw.role][0])
    if "type" not in value and (named := header(raw, "ce_type")) is not None:
        kind = named.rsplit(".", 1)[-1]
    known = kind in TYPES[raw.role]
    declared = DECLARED[kind] if known else COMMON
    for name, expected in declared.items():
        if name in value and not _has_kind(value[name], expected):
            raise Refused("wrong_type")
    if not known:
        raise Refused("unknown_type")
    return kind


def _filled(value: dict[str, Any], kind: str, raw: RawRecord) -> dict[str, Any]:
    filled = {name: value[name] for name in DECLARED[kind] if name in value}
    for name, source in (("event_id", "ce_id"), ("occurred_at", "ce_time")):
        if name not in filled and (text := header(raw, source)) is not None:
            filled[name] = text
    for name in DECLARED[kind]:
        if name not in filled and name not in OPTIONAL:
            raise Refused("missing_field")
    return filled


def header(raw: RawRecord, name: str) -> str | None:
    """The last header of that name, as text; bytes that are no UTF-8 become U+FFFD."""
    found = [value for key, value in raw.headers if key == name and value is not None]
    return found[-1].decode("utf-8", "replace") if found else None


def _check_ids(filled: dict[str, Any], raw: RawRecord) -> None:
    for name in IDS:
        if name in filled and not is_id(filled[name]):
            raise Refused("bad_id")
    if raw.key is None or raw.key != filled["customer_id"].encode():
        raise Refused("key_mismatch")


def is_id(text: str, longest: int = 128) -> bool:
    """1-128 characters, none of them a control character (Unicode category Cc)."""
    return 1 <= len(text) <= longest and all(unicodedata.category(c) != "Cc" for c in text)


def _times(filled: dict[str, Any], kind: str, raw: RawRecord) -> dict[str, int]:
    stamp_ms = raw.timestamp_ms
    if (copied := header(raw, "ltv-timestamp")) is not None:
        stamp_ms = int(copied) if re.fullmatch(r"[0-9]{1,18}", copied) else None
    at_us = instant_us(filled["occurred_at"])
    ordered_us = instant_us(filled["ordered_at"]) if kind == "cancellation" else None
    if stamp_ms is None or stamp_ms < 0 or at_us is None or at_us < 0:
        raise Refused("bad_time")
    if kind == "cancellation" and (ordered_us is None or ordered_us < 0):
        raise Refused("bad_time")
    if at_us > stamp_ms * 1000 + DAY_US:
        raise Refused("in_the_future")
    if ordered_us is None:
        return {"at_us": at_us}
    if ordered_us > at_us + DAY_US:
        raise Refused("in_the_future")
    return {"at_us": at_us, "ordered_us": ordered_us}


def _money(filled: dict[str, Any], base: str) -> dict[str, Any]:
    written, currency = filled["amount"], filled["currency"]
    amount = amount_of(written, is_number=isinstance(written, Number))
    if amount is None:
        raise Refused("bad_amount")
    if currency in EXPONENTS:
        minor = amount.minor(EXPONENTS[currency])
        if minor is None:
            raise Refused("amount_precision")
        if minor > 10**15:
            raise Refused("amount_too_large")
    else:
        raise Refused("unknown_currency")
    rate = _rate(filled, base)
    base_minor = None if rate is None else round(minor_in(base, minor, currency) * rate)
    return {"currency": currency, "amount_minor": minor, "base_minor": base_minor}


def _rate(filled: dict[str, Any], base: str) -> Fraction | None:
    if "fx_rate" not in filled:
        return Fraction(1) if filled["currency"] == base else None
    rate = rate_of(filled["fx_rate"])
    if rate is None or (filled["currency"] == base and rate != 1):
        raise Refused("bad_fx_rate")
    return rate


def minor_in(base: str, minor: int, currency: str) -> Fraction:
    """An amount of `currency`, in minor units of `base` at the rate 1."""
    return Fraction(minor) * Fraction(10) ** (EXPONENTS[base] - EXPONENTS[currency])


def _values(filled: dict[str, Any], kind: str) -> dict[str, Any]:
    if not all(_is_item(item, filled["currency"]) for item in filled.get("items", ())):
        raise Refused("bad_value")
    if kind == "signup":
        channel = filled.get("channel")
        if channel is not None and not is_id(channel, 64):
            raise Refused("bad_value")
        return {"channel": channel}
    if kind == "activity":
        if filled.get("kind", "login") not in ("login", "visit"):
            raise Refused("bad_value")
        return {"kind": filled.get("kind", "login")}
    return {}


def _is_item(item: dict[str, Any], currency: str) -> bool:
    """Every member is optional; a null one is absent; others are ignored."""
    sku, quantity, written = item.get("sku"), item.get("quantity"), item.get("amount")
    if sku is not None and not (_has_kind(sku, "text") and is_id(sku)):
        return False
    if quantity is not None and not _is_quantity(quantity):
        return False
    return written is None or amount_text(written)


def _is_quantity(quantity: Any) -> bool:
    return isinstance(quantity, Number) and re.fullmatch(r"[1-9][0-9]{0,8}", quantity) is not None


def java_partition(key: bytes, partitions: int) -> int:
    """Where Kafka's Java producer puts a key: murmur2 (seed 0x9747b28c), positive, modulo."""
    mask = 0xFFFFFFFF
    h = 0x9747B28C ^ len(key)
    whole = len(key) - len(key) % 4
    for i in range(0, whole, 4):
        k = int.from_bytes(key[i : i + 4], "little") * 0x5BD1E995 & mask
        h = (h * 0x5BD1E995 & mask) ^ ((k ^ k >> 24) * 0x5BD1E995 & mask)
    if rest := key[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * 0x5BD1E995 & mask
    h = (h ^ h >> 13) * 0x5BD1E995 & mask
    return ((h ^ h >> 15) & 0x7FFFFFFF) % partitions
