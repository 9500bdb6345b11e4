"""The rules of an event, one after another in their order of precedence: the definition.

`events.Decoder` takes most records on a faster way; whatever is unusual comes here, and a test
holds the two ways equal. Rules raise `Refused` at the first that does not hold.
"""

from __future__ import annotations

from typing import Final

from stream_app.core.calendar import DAY_US, Calendar
from stream_app.core.days import LAST_DAY
from stream_app.core.events import Activity, Cancellation, Event, Purchase, Refund, Signup
from stream_app.core.money import EXPONENTS, converted
from stream_app.wire import headers
from stream_app.wire.amounts import checked_minor, rate_of
from stream_app.wire.fields import Number, Token, fields_of
from stream_app.wire.ids import MAX_ID, is_id
from stream_app.wire.items import Item, are_usual, check_items, items_of
from stream_app.wire.record import Readable
from stream_app.wire.refusal import Reason, Refused, quoted
from stream_app.wire.times import Times

TYPES: Final = {
    "purchases": ("purchase", "refund", "cancellation"),
    "signups": ("signup",),
    "activity": ("activity",),
}
"""What each topic carries; the first is meant where a value names no type."""

_COMMON: Final = ("type", "event_id", "customer_id", "occurred_at")
_MONEY: Final = (*_COMMON, "order_id", "amount", "currency", "fx_rate")
DECLARED: Final = {
    "purchase": (*_MONEY, "items"),
    "refund": _MONEY,
    "cancellation": (*_MONEY, "ordered_at"),
    "signup": (*_COMMON, "channel"),
    "activity": (*_COMMON, "kind"),
}
OPTIONAL: Final = frozenset(("type", "fx_rate", "items", "channel", "kind"))
_IDS: Final = ("event_id", "customer_id", "order_id")
_MAX_CHANNEL: Final = 64
_KINDS: Final = ("login", "visit")
_LAST_US: Final = LAST_DAY * DAY_US
"""Instants before it have a day that can be packed, in every time zone."""
_TIME_FORM: Final = "RFC 3339 with an offset, such as 2024-05-06T07:08:09Z, from 1970 on"


class Rules:
    """What is accepted in one topic."""

    def __init__(self, topic_role: str, calendar: Calendar, currency: str, max_value: int) -> None:
        self._types = TYPES[topic_role]
        self._calendar = calendar
        self._currency = currency
        self._max_value = max_value
        self._times = Times()

    def event_of(self, record: Readable) -> Event:
        """The event in a record; Refused with the first rule that does not hold."""
        value = record.value
        if value is None:
            raise Refused(Reason.NULL_VALUE, "the value is null, a tombstone; nothing is deleted")
        if len(value) > self._max_value:
            limit = f"the limit (LTV_MAX_VALUE) is {self._max_value}"
            raise Refused(Reason.TOO_LARGE, f"the value has {len(value)} bytes; {limit}")
        fields = fields_of(value)
        kind, items = self._checked_type(fields, record)
        texts = self._filled(fields, kind, record)
        _check_ids(texts, record)
        at_us, ordered_us = self._checked_times(texts, record)
        if kind == "signup":
            return self._signup(texts, at_us)
        if kind == "activity":
            return self._activity(texts, at_us)
        return self._money_event(kind, texts, at_us, ordered_us, items)

    def _checked_type(self, fields: dict[str, Token], record: Readable) -> tuple[str, list[Item]]:
        """The event's type, once every field declared for it has its JSON type; and the items that
        are still to be checked."""
        _check_text("type", fields.get("type", ""))
        kind = fields.get("type")
        if kind is None:
            named = headers.text_of(record.headers, headers.FILLED["type"])
            kind = self._types[0] if named is None else named.rsplit(".", 1)[-1]
        known = kind in self._types
        items: list[Item] = []
        for name in DECLARED[str(kind)] if known else _COMMON:
            if name in fields:
                if name == "items":
                    written = _as_array(fields[name])
                    items = [] if are_usual(written) else items_of(written)
                elif name == "amount":
                    _check_amount_type(fields[name])
                else:
                    _check_text(name, fields[name])
        if not known:
            allowed = " or ".join(self._types)
            detail = f"type is {quoted(kind)}; this topic carries {allowed}"
            raise Refused(Reason.UNKNOWN_TYPE, detail)
        return str(kind), items

    def _filled(self, fields: dict[str, Token], kind: str, record: Readable) -> dict[str, str]:
        """The declared fields; from CloudEvents headers where the value lacks them."""
        texts: dict[str, str] = {}
        for name in DECLARED[kind]:
            token = fields.get(name)
            if token is None and name in headers.FILLED:
                token = headers.text_of(record.headers, headers.FILLED[name])
            if isinstance(token, str):
                texts[name] = token
            elif name not in OPTIONAL:
                raise Refused(Reason.MISSING_FIELD, f"{name} is absent or null in a {kind}")
        return texts

    def _checked_times(self, texts: dict[str, str], record: Readable) -> tuple[int, int | None]:
        """Instants of the event and of the order it cancels."""
        stamp_ms = _checked_stamp(record)
        at_us = self._checked_instant("occurred_at", texts["occurred_at"])
        ordered_us = None
        if "ordered_at" in texts:
            ordered_us = self._checked_instant("ordered_at", texts["ordered_at"])
        if at_us > stamp_ms * 1_000 + DAY_US:
            stamp = f"the record's timestamp, {stamp_ms} ms"
            written = quoted(texts["occurred_at"])
            detail = f"occurred_at is {written}, over 24 h after {stamp}"
            raise Refused(Reason.IN_THE_FUTURE, detail)
        if ordered_us is not None and ordered_us > at_us + DAY_US:
            detail = f"ordered_at is {quoted(texts['ordered_at'])}, over 24 h after occurred_at"
            raise Refused(Reason.IN_THE_FUTURE, detail)
        if max(at_us, ordered_us or 0) >= _LAST_US:
            detail = "occurred_at or ordered_at is after 2149-06-04, the last day that fits"
            raise Refused(Reason.IN_THE_FUTURE, detail)
        return at_us, ordered_us

    def _checked_instant(self, name: str, text: str) -> int:
        at_us = self._times.instant_us(text)
        if at_us is None or at_us < 0:
            raise Refused(Reason.BAD_TIME, f"{name} is {quoted(text)}; it must be {_TIME_FORM}")
        return at_us

    def _signup(self, texts: dict[str, str], at_us: int) -> Signup:
        channel = texts.get("channel")
        if channel is not None and not is_id(channel, _MAX_CHANNEL):
            rule = "1-64 characters, none of them a control character"
            raise Refused(Reason.BAD_VALUE, f"channel is {quoted(channel)}; it must be {rule}")
        day = self._calendar.day_of(at_us)
        return Signup(texts["customer_id"], texts["event_id"], at_us, day, channel)

    def _activity(self, texts: dict[str, str], at_us: int) -> Activity:
        kind = texts.get("kind", _KINDS[0])
        if kind not in _KINDS:
            detail = f"kind is {quoted(kind)}; it must be {' or '.join(_KINDS)}"
            raise Refused(Reason.BAD_VALUE, detail)
        day = self._calendar.day_of(at_us)
        return Activity(texts["customer_id"], texts["event_id"], at_us, day, kind)

    def _money_event(
        self,
        kind: str,
        texts: dict[str, str],
        at_us: int,
        ordered_us: int | None,
        items: list[Item],
    ) -> Purchase | Refund | Cancellation:
        amount, currency = texts["amount"], texts["currency"]
        minor = checked_minor(
            amount, currency, EXPONENTS.get(currency), is_number=isinstance(amount, Number)
        )
        base_minor = self._in_base(minor, currency, texts.get("fx_rate"))
        check_items(items)
        ids = texts["customer_id"], texts["event_id"], texts["order_id"]
        day = self._calendar.day_of(at_us)
        money = currency, minor, base_minor
        if ordered_us is not None:
            ordered_day = self._calendar.day_of(ordered_us)
            return Cancellation(*ids, at_us, ordered_day, *money, day)
        return (Purchase if kind == "purchase" else Refund)(*ids, at_us, day, *money)

    def _in_base(self, minor: int, currency: str, rate_text: str | None) -> int | None:
        """Minor units of the base currency; None where another currency comes without a rate."""
        if rate_text is None:
            return minor if currency == self._currency else None
        rate = rate_of(rate_text)
        if rate is None:
            rule = "a decimal above 0 and below 10^9, of at most 18 digits"
            raise Refused(Reason.BAD_FX_RATE, f"fx_rate is {quoted(rate_text)}; it must be {rule}")
        if currency != self._currency:
            return converted(
                minor,
                currency=currency,
                base_currency=self._currency,
                rate_digits=rate.digits,
                rate_scale=rate.scale,
            )
        if rate.digits != 10**rate.scale:
            detail = f"fx_rate is {quoted(rate_text)}; {currency} is the base currency: it is 1"
            raise Refused(Reason.BAD_FX_RATE, detail)
        return minor


def _check_text(name: str, token: Token) -> None:
    if isinstance(token, Number):
        detail = f"{name} is the number {quoted(token)}; it must be a string"
        raise Refused(Reason.WRONG_TYPE, detail)
    if isinstance(token, bytes):
        raise Refused(Reason.WRONG_TYPE, f"{name} is {quoted(token)}; it must be a string")


def _check_amount_type(token: Token) -> None:
    if isinstance(token, bytes):
        detail = f"amount is {quoted(token)}; it must be a string or a number"
        raise Refused(Reason.WRONG_TYPE, detail)


def _as_array(token: Token) -> bytes:
    if isinstance(token, bytes):
        return token
    raise Refused(Reason.WRONG_TYPE, f"items is {quoted(token)}; it must be an array of objects")


def _check_ids(texts: dict[str, str], record: Readable) -> None:
    for name in _IDS:
        if name in texts and not is_id(texts[name]):
            rule = f"1-{MAX_ID} characters, none of them a control character"
            raise Refused(Reason.BAD_ID, f"{name} is {quoted(texts[name])}; it must be {rule}")
    if record.key is None:
        raise Refused(Reason.KEY_MISMATCH, "the record has no key; it must be the customer_id")
    if record.key != texts["customer_id"].encode():
        detail = f"the key is {quoted(record.key)}, customer_id {quoted(texts['customer_id'])}"
        raise Refused(Reason.KEY_MISMATCH, f"{detail}; they must be equal")


def _checked_stamp(record: Readable) -> int:
    """Unix milliseconds that the event's time is held against."""
    copied = headers.text_of(record.headers, headers.COPIED_TIMESTAMP)
    if copied is not None:
        stamp_ms = headers.copied_timestamp_ms(copied)
        if stamp_ms is None:
            detail = f"the header ltv-timestamp is {quoted(copied)}; it must be Unix milliseconds"
            raise Refused(Reason.BAD_TIME, detail)
        return stamp_ms
    if record.timestamp is None or record.timestamp < 0:
        detail = "the record has no timestamp; its producer or the topic's settings must give one"
        raise Refused(Reason.BAD_TIME, detail)
    return record.timestamp
