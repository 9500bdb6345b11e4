"""The oracle's reading of a record: raw bytes to a plain dict, or the reason why not.

Written from the published rules (`schemas/README.md`), never from the product's decoder, and
sharing no code with it: slow, literal, one rule after another in the order in which they decide.
The end to end tests use it to say beforehand which dead letters must appear.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from typing import Any, NamedTuple

from tests.core.naive_json import Number, Pairs, read_json
from tests.core.naive_money import EXPONENTS, amount_of, rate_of
from tests.core.naive_time import DAY_US, instant_us

MAX_VALUE = 983_040  # bytes: Kafka's 1 MB less the 64 KiB that a dead letter's headers may take
END_US = 65_534 * DAY_US  # 2149-06-05: days are kept in 16 bits

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
        parsed = read_json(value)
    except ValueError:
        raise Refused("not_json") from None
    if not isinstance(parsed, Pairs):
        raise Refused("wrong_type")
    return parsed.present()


def _has_kind(value: Any, expected: str) -> bool:
    if expected == "list":
        listed = isinstance(value, list) and not isinstance(value, Pairs)
        return listed and all(isinstance(item, Pairs) for item in value)
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
    """The last header of that name; bytes that are no UTF-8 become what no rule allows."""
    found = [value for key, value in raw.headers if key == name and value is not None]
    return found[-1].decode("utf-8", "surrogateescape") if found else None


def _check_ids(filled: dict[str, Any], raw: RawRecord) -> None:
    for name in IDS:
        if name in filled and not is_id(filled[name]):
            raise Refused("bad_id")
    if raw.key is None or raw.key != filled["customer_id"].encode():
        raise Refused("key_mismatch")


def is_id(text: str, longest: int = 128) -> bool:
    """1-128 characters, none of them a control character (Unicode category Cc).

    Surrogates (Cs) are what a header held that is no UTF-8.
    """
    allowed = all(unicodedata.category(char) not in ("Cc", "Cs") for char in text)
    return allowed and 1 <= len(text) <= longest


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
    if at_us > stamp_ms * 1000 + DAY_US or max(at_us, ordered_us or 0) >= END_US:
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
    if not all(_is_item(item) for item in filled.get("items", ())):
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


def _is_item(item: Pairs) -> bool:
    """Every member is optional; others are ignored."""
    sku, quantity, amount = (item.present().get(name) for name in ("sku", "quantity", "amount"))
    if sku is not None and not (_has_kind(sku, "text") and is_id(sku)):
        return False
    if quantity is not None and not _is_quantity(quantity):
        return False
    if amount is None:
        return True
    number = isinstance(amount, Number)
    return isinstance(amount, str) and amount_of(amount, is_number=number) is not None


def _is_quantity(quantity: Any) -> bool:
    whole = re.compile(r"[1-9][0-9]*(\.0+)?")
    return isinstance(quantity, Number) and whole.fullmatch(quantity) is not None


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
