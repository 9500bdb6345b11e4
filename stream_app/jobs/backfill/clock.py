"""Many times at once: local times into instants, instants into business days.

Both ask the code that the stream asks (`Moments`, `Calendar`) once a day, and once a value on the
few days on which the clocks change.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_app.core.calendar import DAY_US, Calendar
from stream_app.core.days import LAST_DAY
from stream_app.jobs.send.moments import Moments
from stream_app.wire.times import Times

Integers = NDArray[np.int64]

_UNKNOWN: Final = -(1 << 62)
_CHANGES: Final = _UNKNOWN + 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_US: Final = 3_600_000_000
_SECOND_US: Final = 1_000_000


class Clock:
    """The business's clock.

    >>> clock = Clock("Asia/Tokyo")
    >>> clock.instants(np.array([1_704_067_200_000_000])).tolist()
    [1704034800000000]
    >>> clock.days(np.array([1_704_034_800_000_000])).tolist()
    [19723]
    """

    def __init__(self, time_zone: str) -> None:
        self._calendar = Calendar(time_zone)
        self._moments = Moments(time_zone)
        self._times = Times()
        self._ahead = _Offsets(self._calendar.constant_offset_us)
        self._local = _Offsets(self._local_offset)

    def days(self, at_us: Integers) -> Integers:
        """The business day of each instant."""
        ahead = self._ahead.of(at_us)
        days = (at_us + ahead) // DAY_US
        for place in np.flatnonzero(ahead == _CHANGES).tolist():
            days[place] = self._calendar.day_of(int(at_us[place]))
        return days

    def instants(self, local_us: Integers) -> Integers:
        """The instant of each local time, given as microseconds since 1970 on that clock."""
        ahead = self._local.of(local_us)
        instants = local_us - ahead
        for place in np.flatnonzero(ahead == _CHANGES).tolist():
            instants[place] = self.instant(int(local_us[place]))
        return instants

    def instant(self, local_us: int) -> int:
        """The instant of one local time."""
        seconds, rest = divmod(local_us, _SECOND_US)
        text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
        at_us = self._times.instant_us(self._moments.rfc3339(text))
        assert at_us is not None, text
        return at_us + rest

    def _local_offset(self, day: int) -> int | None:
        """How far the clock is ahead of UTC all through one of its days; None where it changes."""
        start = day * DAY_US
        looks = [*range(start, start + DAY_US, _HOUR_US), start + DAY_US - _SECOND_US]
        found = {local_us - self.instant(local_us) for local_us in looks}
        return found.pop() if len(found) == 1 else None


class _Offsets:
    """An offset for each day, asked for once: 25 us then, 10 ns later."""

    def __init__(self, of_day: Callable[[int], int | None]) -> None:
        self._of_day = of_day
        self._known = np.full(LAST_DAY + 2, _UNKNOWN, np.int64)

    def of(self, at_us: Integers) -> Integers:
        """The offset of each, `_CHANGES` on a day with more than one."""
        days = at_us // DAY_US
        found = self._known[days]
        unknown = days[found == _UNKNOWN]
        if len(unknown):
            for day in np.unique(unknown).tolist():
                offset = self._of_day(day)
                self._known[day] = _CHANGES if offset is None else offset
            found = self._known[days]
        return found
