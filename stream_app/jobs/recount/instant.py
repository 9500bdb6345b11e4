"""Moments: RFC 3339 text to microseconds since 1970, and microseconds to a business day."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d+))?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_EPOCH = date(1970, 1, 1).toordinal()
MICROSECONDS_A_DAY = 86_400_000_000


class InstantReader:
    """Reads RFC 3339 date-times; remembers the dates it has seen, for speed alone.

    >>> read = InstantReader().microseconds
    >>> read("1970-01-01T00:00:01.5Z"), read("1970-01-01T01:00:00+01:00")
    (1500000, 0)
    >>> read("2016-12-31T23:59:60Z") == read("2017-01-01T00:00:00Z")
    True
    >>> read("2021-02-29T00:00:00Z") is None, read("2021-02-28T00:00:00") is None
    (True, True)
    """

    def __init__(self) -> None:
        self._days: dict[str, int] = {}

    def microseconds(self, text: str) -> int | None:
        """Microseconds since 1970-01-01 UTC, cut off (not rounded) below one; None when malformed.

        A leap second, written :60, is the first second of the next minute.
        """
        match = _RFC3339.fullmatch(text)
        if match is None:
            return None
        day_text, hour, minute, second, fraction, sign, ahead_hours, ahead_minutes = match.groups()
        day = self._days.get(day_text)
        if day is None:
            try:
                day = self._days[day_text] = date.fromisoformat(day_text).toordinal() - _EPOCH
            except ValueError:
                return None
        seconds = day * 86_400 + int(hour) * 3_600 + int(minute) * 60 + int(second)
        if sign is not None:
            ahead = int(ahead_hours) * 3_600 + int(ahead_minutes) * 60
            seconds += ahead if sign == "-" else -ahead
        return seconds * 1_000_000 + (int(fraction[:6].ljust(6, "0")) if fraction else 0)


# The Gregorian calendar, weekdays included, repeats every 400 years; datetime ends at 9999.
_CYCLE_DAYS = 146_097
_LAST_SAFE_SECOND = 240_000_000_000


def day_reader(time_zone: str) -> Callable[[int], int]:
    """A function from microseconds since 1970 UTC to days since 1970 in `time_zone`.

    >>> day_reader("America/New_York")(0), day_reader("UTC")(0)
    (-1, 0)
    """
    if time_zone == "UTC":
        return lambda at_us: at_us // MICROSECONDS_A_DAY
    # The package's database, not the machine's: the days must not depend on where this runs.
    with files("tzdata").joinpath("zoneinfo", *time_zone.split("/")).open("rb") as compiled:
        zone = ZoneInfo.from_file(compiled, key=time_zone)

    def day(at_us: int) -> int:
        seconds = at_us // 1_000_000
        if seconds > _LAST_SAFE_SECOND:
            return day(at_us - _CYCLE_DAYS * MICROSECONDS_A_DAY) + _CYCLE_DAYS
        return datetime.fromtimestamp(seconds, zone).toordinal() - _EPOCH

    return day


def day_text(day: int) -> str:
    """`YYYY-MM-DD` of a day since 1970."""
    cycles, within = divmod(day, _CYCLE_DAYS)
    then = date.fromordinal(within + _EPOCH)
    return f"{then.year + 400 * cycles:04}-{then.month:02}-{then.day:02}"


def month_of(day: int) -> int:
    """Months from 1970-01 to the month of a day since 1970.

    >>> month_of(0), month_of(-1), month_of(31)
    (0, -1, 1)
    """
    year, month, _ = day_text(day).split("-")
    return (int(year) - 1970) * 12 + int(month) - 1
