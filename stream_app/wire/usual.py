"""The fast way for the records that nearly all are; whatever is unusual is left to the rules.

Nothing is refused here: a record that does not plainly pass comes back as None, and `rules.py`
decides. What does pass gives the very event that the rules would give; a test holds them equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from stream_app.core.calendar import DAY_US, Calendar
from stream_app.core.days import LAST_DAY
from stream_app.core.events import Activity, Cancellation, Event, Purchase, Refund, Signup
from stream_app.core.money import EXPONENTS, MAX_MINOR, converted
from stream_app.wire.amounts import rate_of
from stream_app.wire.fields import NULL
from stream_app.wire.headers import READ
from stream_app.wire.ids import MAX_ID
from stream_app.wire.items import are_usual
from stream_app.wire.nesting import MAX_DEPTH, too_deep
from stream_app.wire.record import Readable
from stream_app.wire.times import Times

_QUOTE, _POINT = ord('"'), ord(".")
_ZEROS: Final = (b"", b"0", b"00", b"000", b"0000")
_MAX_DIGITS: Final = len(str(MAX_MINOR))
_REMEMBERED_AMOUNTS: Final = 16_384
"""Of each exponent, as written: prices come again and again, and a look-up is 0.3 us less."""
_LAST_US: Final = LAST_DAY * DAY_US
_SHALLOW: Final = 2 * MAX_DEPTH
"""Bytes; a shorter value can't be nested deeper than the limit, for what opens must close."""
_LARGE: Final = 65_536
"""Bytes; a longer value is the rules' from the start, so that one built to waste time is not looked
at twice."""

_Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID)]
_Channel = Annotated[str, Meta(min_length=1, max_length=64)]


class _Money(Struct, gc=False):
    """A purchase, refund or cancellation: texts, and an amount as it is written."""

    customer_id: _Id
    event_id: _Id
    occurred_at: str
    order_id: _Id
    amount: Raw
    currency: str
    type: str = "purchase"
    fx_rate: str | None = None
    items: Raw = NULL
    ordered_at: str | None = None


class _Signup(Struct, gc=False):
    customer_id: _Id
    event_id: _Id
    occurred_at: str
    type: str = "signup"
    channel: _Channel | None = None


class _Activity(Struct, gc=False):
    customer_id: _Id
    event_id: _Id
    occurred_at: str
    type: str = "activity"
    kind: str | None = None


Usual = Callable[[Readable], Event | None]
"""The event of a usual record; None for every other."""

_NOT_USUAL: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError)


def usual_money(calendar: Calendar, base_currency: str, max_value: int) -> Usual:
    """Reads the topic of purchases.

    One long function with everything at hand: of 1.6 us a record, a call or a look-up on self would
    each be a twentieth.
    """
    read = msgspec.json.Decoder(_Money).decode
    times = Times()
    instant_us, day_of = times.instant_us, calendar.day_of
    dates, minutes, seconds = times.dates, times.minutes, times.seconds
    exponents = dict(EXPONENTS)
    minors: tuple[dict[bytes, int], ...] = tuple({} for _ in _ZEROS)

    def event_of(record: Readable) -> Event | None:
        value = record.value
        if value is None or len(value) > _LARGE:
            return None
        try:
            money = read(value)
            if not value.isascii():
                value.decode()
            exponent = exponents[money.currency]
        except _NOT_USUAL:
            return None
        size = len(value)
        if size > _SHALLOW and (size > max_value or too_deep(value)):
            return None
        if record.headers and not READ.isdisjoint([name for name, _ in record.headers]):
            return None
        customer_id, event_id, order_id = money.customer_id, money.event_id, money.order_id
        if (
            record.key != customer_id.encode()
            or not customer_id.isprintable()
            or not event_id.isprintable()
            or not order_id.isprintable()
        ):
            return None
        text = money.occurred_at
        at_us: int | None
        try:
            at_us = dates[text[:10]] + minutes[text[10:17]] + seconds[text[17:]]
        except KeyError:
            at_us = instant_us(text)
        stamp_ms = record.timestamp
        if (
            at_us is None
            or stamp_ms is None
            or stamp_ms < 0
            or not 0 <= at_us <= stamp_ms * 1_000 + DAY_US
            or at_us >= _LAST_US
        ):
            return None
        written = bytes(money.amount)
        minor = minors[exponent].get(written)
        if minor is None:
            minor = _plain_minor(written, exponent)
            if minor is None:
                return None
            if len(minors[exponent]) >= _REMEMBERED_AMOUNTS:
                minors[exponent].clear()
            minors[exponent][written] = minor
        currency = money.currency
        base_minor: int | None = minor
        if money.fx_rate is not None:
            base_minor = _converted(minor, currency, money.fx_rate, base_currency)
            if base_minor is None:
                return None
        elif currency != base_currency:
            base_minor = None
        kind = money.type
        day = day_of(at_us)
        if kind == "purchase":
            if money.items is not NULL and not are_usual(bytes(money.items)):
                return None
            return Purchase(
                customer_id, event_id, order_id, at_us, day, currency, minor, base_minor
            )
        if kind == "refund":
            return Refund(customer_id, event_id, order_id, at_us, day, currency, minor, base_minor)
        if kind != "cancellation" or money.ordered_at is None:
            return None
        ordered_us = instant_us(money.ordered_at)
        if ordered_us is None or not 0 <= ordered_us <= at_us + DAY_US or ordered_us >= _LAST_US:
            return None
        ordered_day = day_of(ordered_us)
        return Cancellation(
            customer_id, event_id, order_id, at_us, ordered_day, currency, minor, base_minor, day
        )

    return event_of


def usual_signup(calendar: Calendar, max_value: int) -> Usual:
    """Reads the topic of signups."""
    read = msgspec.json.Decoder(_Signup).decode
    instant_us, day_of = Times().instant_us, calendar.day_of

    def event_of(record: Readable) -> Event | None:
        signup = _usual(read, record, max_value)
        if signup is None or signup.type != "signup":
            return None
        at_us = _usual_instant(instant_us(signup.occurred_at), record.timestamp)
        channel = signup.channel
        if at_us is None or not (channel is None or channel.isprintable()):
            return None
        return Signup(signup.customer_id, signup.event_id, at_us, day_of(at_us), channel)

    return event_of


def usual_activity(calendar: Calendar, max_value: int) -> Usual:
    """Reads the topic of activities."""
    read = msgspec.json.Decoder(_Activity).decode
    instant_us, day_of = Times().instant_us, calendar.day_of

    def event_of(record: Readable) -> Event | None:
        activity = _usual(read, record, max_value)
        if activity is None or activity.type != "activity":
            return None
        at_us = _usual_instant(instant_us(activity.occurred_at), record.timestamp)
        kind = activity.kind or "login"
        if at_us is None or activity.kind == "" or kind not in ("login", "visit"):
            return None
        return Activity(activity.customer_id, activity.event_id, at_us, day_of(at_us), kind)

    return event_of


_Seen = TypeVar("_Seen", _Signup, _Activity)


def _usual(read: Callable[[bytes], _Seen], record: Readable, max_value: int) -> _Seen | None:
    """The fields of a record whose value, headers, ids and key are usual."""
    value = record.value
    if value is None or len(value) > _LARGE:
        return None
    try:
        seen = read(value)
        if not value.isascii():
            value.decode()
    except _NOT_USUAL:
        return None
    size = len(value)
    if size > _SHALLOW and (size > max_value or too_deep(value)):
        return None
    if record.headers and not READ.isdisjoint([name for name, _ in record.headers]):
        return None
    customer_id = seen.customer_id
    if (
        record.key != customer_id.encode()
        or not customer_id.isprintable()
        or not seen.event_id.isprintable()
    ):
        return None
    return seen


def _usual_instant(at_us: int | None, stamp_ms: int | None) -> int | None:
    """The instant, where it is neither before 1970 nor too late."""
    if at_us is None or stamp_ms is None or stamp_ms < 0:
        return None
    in_time = 0 <= at_us <= stamp_ms * 1_000 + DAY_US and at_us < _LAST_US
    return at_us if in_time else None


def _plain_minor(written: bytes, exponent: int) -> int | None:
    """Minor units of ``"12.34"``, ``12.34``, ``12.3`` or ``12``; None for any other notation."""
    text = written[1:-1] if written[0] == _QUOTE else written
    whole_size = len(text) - exponent - 1
    if whole_size > 0 and exponent and text[whole_size] == _POINT:
        digits = text[:whole_size] + text[whole_size + 1 :]
    else:
        whole, point, fraction = text.partition(b".")
        missing = exponent - len(fraction)
        if missing < 0 or not whole or (point and not fraction):
            return None
        digits = whole + fraction + _ZEROS[missing]
    if not digits.isdigit() or len(digits) > _MAX_DIGITS:
        return None
    minor = int(digits)
    return minor if minor <= MAX_MINOR else None


def _converted(minor: int, currency: str, rate_text: str, base_currency: str) -> int | None:
    """Minor units of the base currency; None where the rate is not plainly right."""
    rate = rate_of(rate_text)
    if rate is None or currency == base_currency:
        return None
    return converted(
        minor,
        currency=currency,
        base_currency=base_currency,
        rate_digits=rate.digits,
        rate_scale=rate.scale,
    )
