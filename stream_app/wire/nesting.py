"""How deep a JSON text is nested, as a number.

A parser gives up at a depth that depends on how much stack its caller has left, so the same record
could be taken today and refused in a replay.  Here the limit is the same everywhere.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

MAX_DEPTH: Final = 128
"""Levels of arrays and objects, the outermost included; an event has three."""

_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[{]}")
_OF_NO_INTEREST: Final = bytes(byte for byte in range(256) if byte not in b'[{]}"')
_STEPS: Final = bytes.maketrans(b"[]", b"\x01\xff")
_COUNTED: Final = 65_536
"""Brackets that are counted one by one, 40 ns each."""
_CLEARED: Final = 4
"""Levels that are cleared at once when there are more, from the innermost on."""


def too_deep(text: bytes) -> bool:
    """Whether a JSON text (it must be one) is nested deeper than the limit.

    A value built to waste time counts as too deep: over 32,768 arrays and objects that each hold
    four levels or more.

    >>> too_deep(b"[" * 128 + b"]" * 128), too_deep(b"[" * 129 + b"]" * 129)
    (False, True)
    >>> too_deep(b'"' + b"[" * 129 + b'"'), too_deep(b"[" + b"[]," * 100_000 + b"[]]")
    (False, False)
    """
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return False
    brackets = _outside_strings(text).translate(_SQUARE, _NOT_BRACKETS)
    cleared = 0
    while len(brackets) > _COUNTED:
        if cleared == _CLEARED:
            return True
        brackets = brackets.replace(b"[]", b"")
        cleared += 1
    steps = memoryview(brackets.translate(_STEPS)).cast("b")
    return cleared + max(accumulate(steps), default=0) > MAX_DEPTH


def _outside_strings(text: bytes) -> bytes:
    """The brackets, and few other bytes, that stand outside strings."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes with nothing of interest between them can go, whether they are one string's or
    # end one and begin the next: what stands inside and what outside does not change.
    return b"".join(text.translate(None, _OF_NO_INTEREST).replace(b'""', b"").split(b'"')[::2])
