"""A row becomes a record's key and value, checked as the worker will check it.

Where a row has no `event_id`, it gets one from its content: `row-` and 128 bits of SHA-256 over its
fields and over how often the same content came before in the same file. So sending a file again,
renamed or with rows appended, makes duplicates, which count once; and two identical rows of one
file are two events.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from stream_app.core.calendar import Calendar
from stream_app.core.money import EXPONENTS
from stream_app.errors import ConfigurationError
from stream_app.jobs.send.files import Fields, Row, broken
from stream_app.jobs.send.moments import Moments
from stream_app.settings import Settings
from stream_app.wire.events import Decoder
from stream_app.wire.record import Record
from stream_app.wire.refusal import Refusal

MONEY: Final = frozenset({"purchase", "refund", "cancellation"})
IDS: Final = ("customer_id", "event_id", "order_id")


class Message(NamedTuple):
    """A record to be sent: `role` says to which topic."""

    role: str
    key: bytes
    value: bytes


class Refused(NamedTuple):
    """A row that a worker would refuse: where, why, and what a person can do about it."""

    line: int
    reason: str
    detail: str


def role_of(kind: object) -> str:
    """The topic's role of an event type; what is unknown goes where the worker will say so."""
    return {"signup": "signups", "activity": "activity"}.get(str(kind), "purchases")


class Messages:
    """Makes messages of the rows of one file."""

    def __init__(self, settings: Settings, kind: str) -> None:
        self._kind = kind
        self._currency = settings.currency
        self._moments = Moments(settings.time_zone)
        self._check = _checks(settings)
        self._seen: Counter[bytes] = Counter()
        self._encode = msgspec.json.Encoder(decimal_format="number").encode

    def of(self, rows: Iterator[Row]) -> Iterator[Message | Refused]:
        """The message of each row, or why a worker would refuse it."""
        for row in rows:
            one = self.message_of(row)
            if isinstance(one, Message):
                refusal = self._check[one.role](one.key, one.value)
                if refusal is not None:
                    one = Refused(row.line, str(refusal.reason), refusal.detail)
            yield one

    def message_of(self, row: Row) -> Message | Refused:
        """The message of a row, whatever a worker would say to it; refused is what is unreadable.

        Rows must come in the order of their file: it counts for those without an `event_id`.
        """
        words = broken(row.fields)
        if words is not None:
            return Refused(row.line, "unreadable", words)
        fields = row.fields
        changed = self._complete(fields)
        value = row.json if row.json is not None and not changed else self._encode(fields)
        customer = fields.get("customer_id")
        key = customer.encode() if isinstance(customer, str) else b""
        return Message(role_of(fields["type"]), key, value)

    def _complete(self, fields: Fields) -> bool:
        """Fill in what the row leaves out; say whether anything was changed."""
        before = dict(fields)
        for name in IDS:
            if type(fields.get(name)) is int:
                fields[name] = str(fields[name])
        if "event_id" not in fields:
            fields["event_id"] = self._content_id(fields)
        kind = fields.setdefault("type", self._kind)
        if kind in MONEY:
            fields.setdefault("currency", self._currency)
            if kind == "purchase":
                fields.setdefault("order_id", fields["event_id"])
        if isinstance(fields.get("items"), str):  # a cell of CSV or Parquet that holds JSON
            with suppress(msgspec.DecodeError):
                fields["items"] = msgspec.json.decode(fields["items"])
        for name in ("occurred_at", "ordered_at"):
            given = fields.get(name)
            if given is not None:
                fields[name] = self._moments.rfc3339(str(given))
        return fields != before

    def _content_id(self, fields: Fields) -> str:
        content = msgspec.json.encode(
            sorted((name, _text(given)) for name, given in fields.items())
        )
        digest = sha256(content).digest()[:16]
        again = self._seen[digest]
        self._seen[digest] = again + 1
        if again:
            digest = sha256(digest + again.to_bytes(8, "big")).digest()[:16]
        return f"row-{digest.hex()}"


def _text(given: Any) -> Any:
    return str(given) if isinstance(given, int | Decimal) else given


def require_currency(settings: Settings) -> None:
    """Raise ConfigurationError for a base currency that nothing can be bought in."""
    if settings.currency not in EXPONENTS:
        raise ConfigurationError(
            f"LTV_CURRENCY is {settings.currency!r}, which ISO 4217 does not have as a currency"
            " with minor units."
        )


Check = Callable[[bytes, bytes], Refusal | None]


def _checks(settings: Settings) -> dict[str, Check]:
    """By topic role: does a worker accept this key and value when it is sent now?"""
    calendar = Calendar(settings.time_zone)
    require_currency(settings)

    def check_of(role: Any) -> Check:
        decoder = Decoder(role, calendar, settings.currency, settings.max_value)

        def check(key: bytes, value: bytes) -> Refusal | None:
            record = Record("", 0, 0, int(time.time() * 1000), key, value)
            outcome = decoder.decode(record)
            return outcome if isinstance(outcome, Refusal) else None

        return check

    return {role: check_of(role) for role in ("purchases", "signups", "activity")}
