"""What a time zone's rules mean for days, in a few letters: is a newer database the same to us?

A release of the IANA database changes a few zones and leaves the others alone, and what it corrects
is mostly before 1970. A state counts days from 1970 on by one zone, so it can go on under every
release in which that zone's offsets since then, and its rule for the future, are the same.
"""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from struct import Struct as Packing
from typing import Final

_HEADER: Final = Packing(">4sc15x6I")
_TYPE: Final = Packing(">iBB")


def rules_digest(time_zone: str) -> str:
    """Equal for equal offsets from 1970 on; of a zone that the tzdata package has.

    >>> rules_digest("Europe/Berlin") == rules_digest("Europe/Oslo")
    True
    >>> rules_digest("Europe/Berlin") == rules_digest("Europe/Paris")
    False
    """
    path = files("tzdata").joinpath("zoneinfo", *time_zone.split("/"))
    offsets, future = _offsets(path.read_bytes())
    return sha256(repr((offsets, future)).encode()).hexdigest()[:16]


def _offsets(compiled: bytes) -> tuple[list[tuple[int, int]], bytes]:
    """Offsets in seconds with the second from which each holds, and the rule after the last.

    Of a file as RFC 8536 has it: a block of 32-bit times for old readers, one of 64-bit times, and
    the rule as POSIX writes it in TZ.
    """
    at = 0
    for size in (4, 8):
        _, version, *counts = _HEADER.unpack_from(compiled, at)
        in_utc, in_standard, leaps, times, types, letters = counts
        begin = at + _HEADER.size
        at = begin + times * (size + 1) + types * _TYPE.size + letters
        at += leaps * (size + 4) + in_standard + in_utc
        if version == b"\0":
            raise ValueError("a time zone of 32-bit times, which no tzdata package has")
    seconds = Packing(f">{times}q").unpack_from(compiled, begin)
    kinds = compiled[begin + 8 * times : begin + 9 * times]
    first = begin + 9 * times
    offset = [_TYPE.unpack_from(compiled, first + _TYPE.size * one)[0] for one in range(types)]
    changes = [(0, offset[0])]
    for second, kind in zip(seconds, kinds, strict=True):
        if second <= 0:
            changes = [(0, offset[kind])]
        elif offset[kind] != changes[-1][1]:
            changes.append((second, offset[kind]))
    return changes, compiled[at:].strip(b"\n")
