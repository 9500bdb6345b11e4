"""The lines of an order: checked, since somebody will want to read them, and not summed.

Every member is optional and null is absent; other members are ignored.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw, Struct

from stream_app.wire.amounts import decimal_of
from stream_app.wire.fields import NULL, Number, Token, token_of
from stream_app.wire.ids import MAX_ID, is_id
from stream_app.wire.refusal import Reason, Refused, quoted

_SIGNS: Final = (b":-", b" -", b"\t-", b"\n-", b"\r-")
_AMOUNTS: Final = re.compile(r"[0-9]+(\.[0-9]+)?(;[0-9]+(\.[0-9]+)?)*")
_QUANTITY: Final = re.compile(r"[1-9][0-9]*(\.0+)?")


class Item(Struct, gc=False):
    """One line, its members as they are written."""

    sku: Raw = NULL
    quantity: Raw = NULL
    amount: Raw = NULL


class _UsualItem(Struct, gc=False):
    """A line whose members are of the plainest kind (its float is checked, never used)."""

    sku: Annotated[str, Meta(min_length=1, max_length=MAX_ID)] | None = None
    quantity: Annotated[int, Meta(ge=1)] | None = None
    amount: str | float | None = None


_ITEMS: Final = msgspec.json.Decoder(list[Item]).decode
_USUAL_ITEMS: Final = msgspec.json.Decoder(list[_UsualItem]).decode


def items_of(written: bytes) -> list[Item]:
    """The lines in a JSON array; Refused where it is none, or a member is no object."""
    try:
        return _ITEMS(written)
    except msgspec.DecodeError as error:
        detail = f"items must be an array of objects: {quoted(str(error))}"
        raise Refused(Reason.WRONG_TYPE, detail) from None


def are_usual(written: bytes) -> bool:
    """Whether this JSON plainly is items within the rules; where not, the rules have to say.

    What is common to all lines is looked at once, over all of them: an order of a megabyte has
    thirty thousand.  A negative number is left to the rules, since a float may round it to zero.
    """
    if written == b"null":
        return True
    if b'"' not in written:  # then nothing has a member
        return written.translate(None, b" \t\n\r{},") == b"[]"
    if b"-" in written and any(sign in written for sign in _SIGNS):
        return False
    try:
        items = _USUAL_ITEMS(written)
    except msgspec.DecodeError:
        return False
    skus = [item.sku for item in items if item.sku is not None]
    if not "".join(skus).isprintable():
        return False
    amounts = [item.amount for item in items if item.amount.__class__ is str]
    joined = ";".join(amounts)
    return not amounts or (
        _AMOUNTS.fullmatch(joined) is not None and joined.count(";") == len(amounts) - 1
    )


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
