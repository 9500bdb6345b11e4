"""First instants of many business days at once."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_app.core.calendar import Calendar
from stream_app.core.days import LAST_DAY

ABSENT: Final = -1
"""Stands for an instant that does not exist; no published instant is negative."""
_UNKNOWN: Final = -(1 << 62)


class DayStarts:
    """First seconds of days, asked of the calendar once each: 1 us then, 10 ns later."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        # Day -1, which exists west of Greenwich, is the last place.
        self._seconds = np.full(LAST_DAY + 2, _UNKNOWN, np.int64)

    def of(self, days: NDArray[np.int64]) -> NDArray[np.int64]:
        """Unix seconds; ABSENT for days after the last that a state can hold."""
        dated = days <= LAST_DAY
        places = np.where(dated, days, 0)
        seconds = self._seconds[places]
        unknown = seconds == _UNKNOWN
        if unknown.any():
            for day in np.unique(places[unknown]).tolist():
                self._seconds[day] = self._calendar.start_of(day)
            seconds = self._seconds[places]
        return np.where(dated, seconds, ABSENT)


@lru_cache(maxsize=8)
def day_starts(calendar: Calendar) -> DayStarts:
    """The table of a calendar: half a megabyte, filled as days are asked for."""
    return DayStarts(calendar)
