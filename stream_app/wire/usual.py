"""The fast way for the records that nearly all are; whatever is unusual is left to the rules.

Nothing is refused here: a record that does not plainly pass comes back as None, and `rules.py`
decides. What does pass gives the very event that the rules would give; a test holds them equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Raw, Struct

from stream_app.core.calendar import DAY_US, Calendar
from stream_app.core.days import LAST_DAY
from stream_app.core.events import Cancellation, Event, Purchase, Refund
from stream_app.core.money import EXPONENTS, MAX_MINOR, converted
from stream_app.wire.amounts import rate_of
from stream_app.wire.fields import NULL
from stream_app.wire.headers import READ
from stream_app.wire.ids import MAX_ID
from stream_app.wire.items import check_items, items_of
from stream_app.wire.nesting import MAX_DEPTH, too_deep
from stream_app.wire.record import Readable
from stream_app.wire.refusal import Refused
from stream_app.wire.times import Times

_QUOTE: Final = ord('"')
_ZEROS: Final = (b"", b"0", b"00", b"000", b"0000")
_MAX_DIGITS: Final = len(str(MAX_MINOR))
_SHALLOW: Final = 2 * MAX_DEPTH
"""Bytes; a shorter value can't be nested deeper than the limit, for what opens must close."""


class _Money(Struct, gc=False):
    """A purchase, refund or cancellation: texts, and an amount as it is written."""

    customer_id: str
    event_id: str
    occurred_at: str
    order_id: str
    amount: Raw
    currency: str
    type: str = "purchase"
    fx_rate: str | None = None
    items: Raw = NULL
    ordered_at: str | None = None


_READ: Final = msgspec.json.Decoder(_Money).decode


def usual_money(
    calendar: Calendar, currency: str, max_value: int
) -> Callable[[Readable], Event | None]:
    """The reader of the topic of purchases; one function, since look-ups on self are a tenth."""
    base_currency = currency
    exponents = dict(EXPONENTS)
    instant_us = Times().instant_us
    day_of = calendar.day_of
    last_us = LAST_DAY * DAY_US

    def event_of(record: Readable) -> Event | None:
        value = record.value
        if value is None:
            return None
        size = len(value)
        try:
            money = _READ(value)
            if not value.isascii():
                value.decode()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if size > _SHALLOW and (size > max_value or too_deep(value)):
            return None
        if record.headers and not READ.isdisjoint([name for name, _ in record.headers]):
            return None
        customer_id, event_id, order_id = money.customer_id, money.event_id, money.order_id
        if (
            record.key != customer_id.encode()
            or not (customer_id and event_id and order_id)
            or not (customer_id + event_id + order_id).isprintable()
            or len(customer_id) > MAX_ID
            or len(event_id) > MAX_ID
            or len(order_id) > MAX_ID
        ):
            return None
        at_us = instant_us(money.occurred_at)
        stamp_ms = record.timestamp
        if (
            at_us is None
            or stamp_ms is None
            or stamp_ms < 0
            or not 0 <= at_us <= stamp_ms * 1_000 + DAY_US
            or at_us >= last_us
        ):
            return None
        money_currency = money.currency
        exponent = exponents.get(money_currency)
        if exponent is None:
            return None
        minor = _plain_minor(bytes(money.amount), exponent)
        if minor is None:
            return None
        if money.fx_rate is not None:
            base_minor = _converted(minor, money_currency, money.fx_rate, base_currency)
            if base_minor is None:
                return None
        else:
            base_minor = minor if money_currency == base_currency else None
        kind = money.type
        day = day_of(at_us)
        if kind == "purchase":
            if money.items is not NULL and not _are_items(money.items):
                return None
            return Purchase(
                customer_id, event_id, order_id, at_us, day, money_currency, minor, base_minor
            )
        if kind == "refund":
            return Refund(
                customer_id, event_id, order_id, at_us, day, money_currency, minor, base_minor
            )
        if kind != "cancellation" or money.ordered_at is None:
            return None
        ordered_us = instant_us(money.ordered_at)
        if ordered_us is None or not 0 <= ordered_us <= at_us + DAY_US or ordered_us >= last_us:
            return None
        return Cancellation(
            customer_id,
            event_id,
            order_id,
            at_us,
            day_of(ordered_us),
            money_currency,
            minor,
            base_minor,
            day,
        )

    return event_of


def _plain_minor(written: bytes, exponent: int) -> int | None:
    """Minor units of ``12.34``, ``"12.34"``, ``12.3`` or ``12``; None for any other notation."""
    text = written[1:-1] if written[0] == _QUOTE else written
    whole, point, fraction = text.partition(b".")
    missing = exponent - len(fraction)
    if missing < 0 or (point and not fraction) or not whole:
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


def _are_items(raw: Raw) -> bool:
    try:
        check_items(items_of(bytes(raw)))
    except Refused:
        return False
    return True
