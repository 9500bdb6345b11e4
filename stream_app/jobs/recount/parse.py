"""JSON by the letter of RFC 8259, numbers kept as they were written."""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any, NoReturn


class Number(str):
    """The text of a JSON number with a fraction, an exponent or very many digits."""

    __slots__ = ()


class NotJson(ValueError):
    """Bytes that are no JSON text: bad UTF-8, bad grammar, NaN, half a surrogate pair."""


def parse(value: bytes) -> Any:
    """The document; plain integers as int, other numbers as `Number`.

    >>> parse(b'{"a": 1.50, "b": 2, "c": "x"}')
    {'a': '1.50', 'b': 2, 'c': 'x'}
    >>> parse(b'[NaN]')
    Traceback (most recent call last):
      ...
    stream_app.jobs.recount.parse.NotJson: NaN is not JSON
    """
    try:
        text = value.decode("utf-8")
        found = _parsed(text)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None
    if "\\u" in text and _has_lone_surrogate(text):
        raise NotJson("half a surrogate pair")
    if text.count("[") + text.count("{") > DEEPEST and _is_too_deep(text):
        raise NotJson("nested too deeply")
    return found


DEEPEST = 128
"""Levels of arrays and objects, the outermost included."""
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def _is_too_deep(text: str) -> bool:
    """Whether valid JSON is nested deeper than is accepted."""
    brackets = re.sub(r"[^][{}]", "", _STRING.sub("", text))
    levels = accumulate(1 if bracket in "[{" else -1 for bracket in brackets)
    return max(levels, default=0) > DEEPEST


def _parsed(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python refuses to read an integer of more than 4,300 digits
        return _LONG_NUMBERS.decode(text)


def _no_constant(word: str) -> NoReturn:
    raise NotJson(f"{word} is not JSON")


_DECODER = json.JSONDecoder(parse_float=Number, parse_constant=_no_constant)
_LONG_NUMBERS = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=_no_constant)
_ESCAPE = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?"
    r"|u([dD][c-fC-F][0-9a-fA-F]{2})|.)"
)


def _has_lone_surrogate(text: str) -> bool:
    """Whether an escape names half a character; a high half must be followed by a low one."""
    return any(alone or (high and not low) for high, low, alone in _ESCAPE.findall(text))
