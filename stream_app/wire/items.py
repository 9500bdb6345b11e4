"""The lines of an order: checked, since somebody will want to read them, and not summed.

Every member is optional and null is absent; other members are ignored.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from msgspec import Raw, Struct

from stream_app.wire.amounts import decimal_of
from stream_app.wire.fields import NULL, Number, Token, token_of
from stream_app.wire.ids import is_id
from stream_app.wire.refusal import Reason, Refused, quoted

_QUANTITY: Final = re.compile(r"[1-9][0-9]*(\.0+)?")


class Item(Struct, gc=False):
    """One line, its members as they are written."""

    sku: Raw = NULL
    quantity: Raw = NULL
    amount: Raw = NULL


_ITEMS: Final = msgspec.json.Decoder(list[Item]).decode


def items_of(written: bytes) -> list[Item]:
    """The lines in a JSON array; Refused where it is none, or a member is no object."""
    try:
        return _ITEMS(written)
    except msgspec.DecodeError as error:
        detail = f"items must be an array of objects: {quoted(str(error))}"
        raise Refused(Reason.WRONG_TYPE, detail) from None


def check_items(items: list[Item]) -> None:
    """Refused where a line's sku, quantity or amount is outside its rule."""
    for number, item in enumerate(items):
        for name, rule, holds in _RULES:
            raw = getattr(item, name)
            if raw is not NULL and (token := token_of(raw)) != b"null" and not holds(token):
                detail = f"items[{number}].{name} is {quoted(token)}; it must be {rule}"
                raise Refused(Reason.BAD_VALUE, detail)


def _is_sku(token: Token) -> bool:
    return isinstance(token, str) and not isinstance(token, Number) and is_id(token)


def _is_quantity(token: Token) -> bool:
    return isinstance(token, Number) and _QUANTITY.fullmatch(token) is not None


def _is_amount(token: Token) -> bool:
    if isinstance(token, bytes):
        return False
    return decimal_of(token, is_number=isinstance(token, Number)) is not None


_RULES: Final = (
    ("sku", "text of 1-128 characters", _is_sku),
    ("quantity", "a whole number from 1 on", _is_quantity),
    ("amount", "a decimal number, not negative", _is_amount),
)
