"""How deep a JSON text is nested, before anything walks down into it.

A parser gives up at a depth that depends on how much stack its caller has left, so the same record
could be taken today and refused in a replay. Here the limit is a number.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

MAX_DEPTH: Final = 128
"""Levels of arrays and objects, the outermost included; an event has three."""
MAX_CONTAINERS: Final = 32_768
MAX_QUOTES: Final = 262_144
"""Limits of what is looked at closely: more than the items of an order of a megabyte can have
(36 bytes, one object and eight quotes each), so only a value built to waste time exceeds them."""

_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NOT_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[{]}")


def too_deep(value: bytes) -> bool:
    """Whether a text, should it be JSON, is nested deeper than the limit.

    >>> too_deep(b"[" * 128 + b"]" * 128), too_deep(b"[" * 129 + b"]" * 129)
    (False, True)
    >>> too_deep(b'"' + b"[" * 129 + b'"')
    False
    """
    opened = value.count(b"[") + value.count(b"{")
    if opened <= MAX_DEPTH:
        return False
    if value.count(b'"') > MAX_QUOTES:
        return True
    unescaped = value.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(unescaped.split(b'"')[::2])
    if outside_strings.count(b"[") + outside_strings.count(b"{") > MAX_CONTAINERS:
        return True
    steps = outside_strings.translate(_STEPS, _NOT_BRACKETS)
    return max(accumulate(memoryview(steps).cast("b")), default=0) > MAX_DEPTH
