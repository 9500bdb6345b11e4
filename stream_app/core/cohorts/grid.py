"""Rows of numbers that are added to by place: 64-bit where that is enough, exact where it is not.

Money of one order can be 10^24 minor units (a nonsense rate makes a valid record), so a cell can
outgrow 64 bits. Such amounts are kept beside the array as Python's integers, by place: what
everybody else costs does not change.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stream_app.core.cohorts.unpacked import Integers

SAFE: Final = 2.0**62
"""No number of the array gets larger than this; half of what an int64 holds."""
_LARGE: Final = 2.0**60
"""Numbers larger than this leave the array when room is needed."""


class Grid:
    """Rows of `width` numbers, all 0 at first."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.array: Integers = np.zeros(0, np.int64)
        """Row after row; a number is what stands here plus what `beyond` has for its place."""
        self.beyond: dict[int, int] = {}
        self._room = SAFE

    def grow(self, rows: int) -> None:
        """Have room for so many rows."""
        missing = rows * self.width - len(self.array)
        self.array = np.concatenate((self.array, np.zeros(missing, np.int64)))

    def add(self, places: Integers, values: NDArray[Any]) -> None:
        """Add each value to the number at its place; places may repeat."""
        if values.dtype != object and self._has_room(values):
            np.add.at(self.array, places, values)
        else:
            self.add_beyond(zip(places.tolist(), values.tolist(), strict=True))

    def count(self, places: Integers, times: int) -> None:
        """Add a small number at each place; places may repeat."""
        np.add.at(self.array, places, times)

    def add_rows(self, rows: Integers, values: NDArray[np.int64]) -> None:
        """Add rows of numbers; no row may repeat."""
        if self._has_room(values):
            self.array.reshape(-1, self.width)[rows] += values
        else:
            places = rows[:, None] * self.width + np.arange(self.width)
            self.add_beyond(zip(places.ravel().tolist(), values.ravel().tolist(), strict=True))

    def add_beyond(self, changes: Iterable[tuple[int, int]]) -> None:
        """Add values of any size to the numbers at their places."""
        for place, value in changes:
            total = self.beyond.pop(place, 0) + value
            if total:
                self.beyond[place] = total

    def row(self, number: int) -> list[int]:
        """The numbers of a row."""
        start, end = number * self.width, (number + 1) * self.width
        numbers: list[int] = self.array[start:end].tolist()
        for place, value in self.beyond.items():
            if start <= place < end:
                numbers[place - start] += value
        return numbers

    def clear(self, number: int) -> bool:
        """Make a row anew whose numbers are all 0, and say whether they were."""
        if any(self.row(number)):
            return False
        start, end = number * self.width, (number + 1) * self.width
        self.array[start:end] = 0  # the two parts of a number may only cancel each other
        for place in [place for place in self.beyond if start <= place < end]:
            del self.beyond[place]
        return True

    def _has_room(self, values: NDArray[np.int64]) -> bool:
        """Whether these can be added without a number growing too large; takes the room."""
        reach = float(np.abs(values).sum(dtype=np.float64))
        if reach > self._room:
            self._spill()
        if reach > self._room:
            return False
        self._room -= reach
        return True

    def _spill(self) -> None:
        """Move large numbers out of the array, and see how much room there is."""
        large = np.flatnonzero(np.abs(self.array) > _LARGE)
        self.add_beyond(zip(large.tolist(), self.array[large].tolist(), strict=True))
        self.array[large] = 0
        self._room = SAFE - float(np.abs(self.array).max(initial=0))
