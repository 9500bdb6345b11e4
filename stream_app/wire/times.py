"""RFC 3339 times into microseconds since 1970, exactly."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_SECOND: Final = 1_000_000
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_REST: Final = re.compile(
    r"([0-5][0-9]|60)(?:\.([0-9]+))?(?:([Zz])|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)
_REMEMBERED_DATES: Final = 32_768


class Times:
    """Reads RFC 3339 times; remembers the dates it has met, since a log has few of them.

    An offset is required. Fractions of a second are cut off after the microseconds. Second 60, a
    leap second, is the next second, since Unix time has none. ``T`` and ``Z`` may be in lower
    case.

    >>> read = Times().instant_us
    >>> read("1970-01-01T01:00:00.0000019+01:00")
    1
    >>> read("2016-12-31T23:59:60Z") == read("2017-01-01T00:00:00Z")
    True
    >>> read("2024-02-30T00:00:00Z"), read("2024-02-28T00:00:00"), read("2024-02-28 00:00:00Z")
    (None, None, None)
    """

    def __init__(self) -> None:
        # Microseconds of ``2024-05-06``, ``T07:08:`` and ``09Z``: nearly every time is their sum.
        self.dates: dict[str, int] = {}
        self.minutes = {
            f"{letter}{hour:02d}:{minute:02d}:": (hour * 60 + minute) * 60 * _SECOND
            for letter in "Tt"
            for hour in range(24)
            for minute in range(60)
        }
        self.seconds = {f"{second:02d}Z": second * _SECOND for second in range(60)}

    def instant_us(self, text: str) -> int | None:
        """Microseconds since 1970-01-01T00:00:00Z; None where the text is no such time."""
        try:
            start = self.dates[text[:10]] + self.minutes[text[10:17]]
        except KeyError:
            midnight, minutes = self._date(text[:10]), self.minutes.get(text[10:17])
            if midnight is None or minutes is None:
                return None
            start = midnight + minutes
        try:
            return start + self.seconds[text[17:]]
        except KeyError:
            return _with_seconds(start, text[17:])

    def _date(self, text: str) -> int | None:
        """Microseconds at the start of a date in UTC."""
        found = _DATE.fullmatch(text)
        if found is None:
            return None
        try:
            day = date(int(found[1]), int(found[2]), int(found[3])).toordinal() - _EPOCH_ORDINAL
        except ValueError:
            return None
        if len(self.dates) >= _REMEMBERED_DATES:
            self.dates.clear()
        midnight = self.dates[text] = day * 86_400 * _SECOND
        return midnight


def _with_seconds(start: int, rest: str) -> int | None:
    """Adds seconds and their fraction, takes off the offset."""
    found = _REST.fullmatch(rest)
    if found is None:
        return None
    second, fraction, utc, sign, hours, minutes = found.groups()
    at_us = start + int(second) * _SECOND
    if fraction is not None:
        at_us += int(fraction[:6].ljust(6, "0"))
    if utc is None:
        ahead_us = (int(hours) * 60 + int(minutes)) * 60 * _SECOND
        at_us += ahead_us if sign == "-" else -ahead_us
    return at_us
