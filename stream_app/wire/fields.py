"""The fields of a JSON value, each kept as it is written until a rule asks for it."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, Struct

from stream_app.wire.nesting import MAX_DEPTH, too_deep
from stream_app.wire.refusal import Reason, Refused, quoted

NULL: Final = Raw(b"null")


class Fields(Struct, gc=False):
    """Every field that some event declares; one that is absent is null.  Of two the last counts."""

    type: Raw = NULL
    event_id: Raw = NULL
    customer_id: Raw = NULL
    occurred_at: Raw = NULL
    order_id: Raw = NULL
    amount: Raw = NULL
    currency: Raw = NULL
    fx_rate: Raw = NULL
    items: Raw = NULL
    ordered_at: Raw = NULL
    channel: Raw = NULL
    kind: Raw = NULL


class Number(str):
    """A JSON number, as it is written."""

    __slots__ = ()


Token = str | Number | bytes
"""A string's text, a number's digits, or anything else as bytes (arrays, objects, true, false)."""

_WHOLE: Final = msgspec.json.Decoder(Raw).decode
_FIELDS: Final = msgspec.json.Decoder(Fields).decode
_TEXT: Final = msgspec.json.Decoder(str).decode
_KINDS: Final = {b"[": "an array", b"{": "an object", b"t": "true", b"f": "false", b"n": "null"}


def fields_of(value: bytes) -> dict[str, Token]:
    """The declared fields that are not null; Refused where the value is no JSON object.

    Not JSON is also: bytes that are no UTF-8 or escapes of half a surrogate pair, wherever they
    are, and nesting beyond the limit.
    """
    _check_utf_8(value)
    try:
        outermost = bytes(memoryview(_WHOLE(value))[:1])
        deep = too_deep(value)
    except msgspec.DecodeError as error:
        raise Refused(Reason.NOT_JSON, f"not JSON: {quoted(str(error))}") from None
    except RecursionError:
        deep = True
    if deep:
        raise Refused(Reason.NOT_JSON, f"the value is nested deeper than {MAX_DEPTH} levels")
    if outermost != b"{":
        found = _KINDS.get(outermost, "a string or number")
        raise Refused(Reason.WRONG_TYPE, f"the value is {found}; it must be an object")
    fields = _FIELDS(value)
    return {
        name: token_of(raw)
        for name in Fields.__struct_fields__
        if (raw := getattr(fields, name)) is not NULL and bytes(raw) != b"null"
    }


def token_of(raw: Raw) -> Token:
    """A member of a JSON text, as text, number or bytes."""
    written = bytes(raw)
    first = written[:1]
    if first == b'"':
        return _TEXT(written)
    if first in _KINDS:
        return written
    return Number(written.decode("ascii"))


def _check_utf_8(value: bytes) -> None:
    if value.isascii():
        return
    try:
        value.decode()
    except UnicodeDecodeError as error:
        where = f"byte {error.start} is {value[error.start]:#04x}"
        raise Refused(Reason.NOT_JSON, f"the value is no UTF-8: {where}") from None
