"""Counts by number, for numbers that are many and mostly absent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from stream_app.core.cohorts.unpacked import Integers

_MOST_PENDING: Final = 1 << 16


class Tally:
    """How often each number was counted; changes are gathered, and settled when somebody looks.

    >>> tally = Tally()
    >>> tally.count(np.array([7, 3, 7]), 1)
    >>> tally.count(np.array([3]), -1)
    >>> tally.settled()
    (array([7]), array([2]))
    """

    def __init__(self) -> None:
        self._settled = _NOTHING, _NOTHING
        self._pending: list[tuple[Integers, Integers | int]] = []
        self._waiting = 0

    def count(self, numbers: Integers, times: Integers | int) -> None:
        """Count each number so many times, below 0 to take back; numbers may repeat."""
        if len(numbers):
            self._pending.append((numbers, times))
            self._waiting += len(numbers)
            if self._waiting > _MOST_PENDING:
                self.settled()

    def settled(self) -> tuple[Integers, Integers]:
        """The numbers whose count is not 0, ascending, and their counts."""
        if self._pending:
            pending = ((n, np.broadcast_to(np.int64(t), n.shape)) for n, t in self._pending)
            every, counts = added_up((self._settled, *pending))
            self._settled = every[counts != 0], counts[counts != 0]
            self._pending, self._waiting = [], 0
        return self._settled


def added_up(parts: Iterable[tuple[Integers, Integers]]) -> tuple[Integers, Integers]:
    """Numbers and their counts, each number once, ascending."""
    numbers, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
    every, place = np.unique(numbers, return_inverse=True)
    sums = np.zeros(len(every), np.int64)
    np.add.at(sums, place, counts)
    return every, sums


_NOTHING: Final = np.zeros(0, np.int64)
