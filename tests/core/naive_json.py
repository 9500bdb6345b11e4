"""The oracle's JSON: RFC 8259 to the letter, numbers as they are written, nothing forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

MAX_LEVELS = 128  # of arrays and objects, the outermost included


class Number(str):
    """A JSON number, kept as the text it was written in."""


class Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written, names said twice and all."""

    def present(self) -> dict[str, Any]:
        """Of two equal names the last counts; null is absent."""
        return {name: member for name, member in dict(self).items() if member is not None}


def read_json(value: bytes) -> Any:
    """A JSON text: objects as Pairs, numbers as Number; ValueError where it is none.

    None is also: half a surrogate pair anywhere, also in what a second equal name replaces, and
    more levels than the limit.
    """
    try:
        parsed = json.loads(
            value.decode("utf-8"),
            object_pairs_hook=Pairs,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_constant,
        )
        parts = list(_texts(parsed))
    except RecursionError as error:
        raise ValueError("nested far too deeply") from error
    for text, level in parts:
        text.encode("utf-8")  # UnicodeEncodeError, a ValueError, for half a pair
        if level > MAX_LEVELS:
            raise ValueError(f"nested {level} levels deep")
    return parsed


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _texts(value: Any, level: int = 0) -> Iterator[tuple[str, int]]:
    """Every text with its level, and an empty one for every array and object."""
    if isinstance(value, str):
        yield value, level
    elif isinstance(value, list):
        yield "", level + 1
        for member in value:
            for part in member if isinstance(member, tuple) else (member,):
                yield from _texts(part, level + 1)
