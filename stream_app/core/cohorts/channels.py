"""Channels by number, for thousands of customers at once.

A channel is the end of a signup section, after its only zero byte, and of any length. Looking for
that byte and then for the text, one customer after the other, costs more than all the rest of the
totals. So the last 24 bytes are looked at as three words, from the end; what lies before the zero
byte is masked away, and the words are compared with those of the channels known so far. A channel
that is new, or longer than 23 bytes, is looked up one by one.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_app.core.cohorts import unpacked
from stream_app.core.cohorts.unpacked import Bools, Integers

Words = NDArray[np.uint64]

REACH: Final = 24
"""Bytes before the end of a channel that are read, whatever they are."""
_LOW: Final = np.uint64(0x0101010101010101)
_HIGH: Final = np.uint64(0x8080808080808080)
_ONE: Final = np.uint64(1)
_NONE: Final = np.uint64(0)
_MIX: Final = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)
"""Odd numbers by which three words become one to search by; a clash costs time, nothing else."""


class Channels:
    """Every channel seen, numbered from 0 on; 0 is the absence of one."""

    def __init__(self) -> None:
        self.names: list[str | None] = [None]
        self._numbers: dict[bytes, int] = {b"": 0}
        self._mixed: Words = np.zeros(1, np.uint64)
        self._words: tuple[Words, ...] = tuple(np.zeros(1, np.uint64) for _ in _MIX)
        self._known: Integers = np.zeros(1, np.int64)

    def number(self, name: bytes) -> int:
        """The number of a channel in UTF-8; a new one gets the next."""
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self.names)
            self.names.append(name.decode())
        return number

    def numbers(self, raw: bytes, ends: Integers) -> Integers:
        """The numbers of the channels that end at these places of `raw`.

        Before each end there must be a zero byte and, with it, at least REACH bytes.
        """
        words, whole = _last_words(raw, ends)
        mixed = _mixed(words)
        numbers, strange = self._found(mixed, words)
        if strange.any() and self._learn(raw, ends, words, mixed, strange & whole):
            numbers, strange = self._found(mixed, words)
        for at in np.flatnonzero(strange).tolist():
            numbers[at] = self._look_up(raw, int(ends[at]))
        return numbers

    def _found(self, mixed: Words, words: list[Words]) -> tuple[Integers, Bools]:
        """Numbers of channels by their words, and of which there are none."""
        place = np.minimum(np.searchsorted(self._mixed, mixed), len(self._mixed) - 1)
        strange = np.zeros(len(mixed), np.bool_)
        for known, word in zip(self._words, words, strict=True):
            strange |= known[place] != word
        return self._known[place], strange

    def _look_up(self, raw: bytes, end: int) -> int:
        return self.number(raw[raw.rfind(b"\0", 0, end) + 1 : end])

    def _learn(
        self, raw: bytes, ends: Integers, words: list[Words], mixed: Words, new: Bools
    ) -> bool:
        """Know the words of new channels from now on; whether there were any."""
        own = np.flatnonzero(new)
        found, first = np.unique(mixed[own], return_index=True)
        fresh = ~np.isin(found, self._mixed)
        for one, at in zip(found[fresh], own[first[fresh]].tolist(), strict=True):
            place = np.searchsorted(self._mixed, one)
            self._mixed = np.insert(self._mixed, place, one)
            self._known = np.insert(self._known, place, self._look_up(raw, int(ends[at])))
            self._words = tuple(
                np.insert(known, place, word[at])
                for known, word in zip(self._words, words, strict=True)
            )
        return bool(fresh.any())


def _last_words(raw: bytes, ends: Integers) -> tuple[list[Words], Bools]:
    """The bytes after the last zero byte as words, the last first; whether they hold it all."""
    every = unpacked.words(raw, "<u8")
    found: list[Words] = []
    going_on = np.arange(len(ends))
    for back in range(8, REACH + 1, 8):
        word = every[ends[going_on] - back].byteswap()
        # The lowest bit set is that of the lowest byte that is zero.
        zero = (word - _LOW) & ~word & _HIGH
        word &= (zero & -zero) - _ONE
        words = np.zeros(len(ends), np.uint64)
        words[going_on] = word
        found.append(words)
        going_on = going_on[zero == _NONE]
    ended = np.ones(len(ends), np.bool_)
    ended[going_on] = False
    return found, ended


def _mixed(words: list[Words]) -> Words:
    first, second, third = (word * np.uint64(by) for word, by in zip(words, _MIX, strict=True))
    mixed: Words = first + second + third
    return mixed
