"""The oracle's clock work: RFC 3339 texts, business days and months, by datetime and zoneinfo."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

DAY_US = 86_400_000_000
EPOCH = date(1970, 1, 1)
# The Gregorian calendar, weekdays and time zone rules with it, repeats after 400 years.
CYCLE_DAYS = 146_097

RFC_3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def instant_us(text: str) -> int | None:
    """Microseconds since 1970 UTC, fractions cut off; None when it is no RFC 3339 time.

    >>> instant_us("1970-01-01T01:00:00.0000019+01:00")
    1
    >>> instant_us("2016-12-31T23:59:60Z") == instant_us("2017-01-01T00:00:00Z")
    True
    >>> instant_us("2024-02-30T00:00:00Z") is None
    True
    """
    found = RFC_3339.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(found[i]) for i in range(1, 7))
    if hour > 23 or minute > 59 or second > 60:
        return None
    try:
        days = (date(year, month, day) - EPOCH).days
    except ValueError:
        return None
    micros = int((found[7] or "")[:6].ljust(6, "0"))
    local = ((days * 24 + hour) * 60 + minute) * 60 + second
    if found[8] is None:
        return local * 1_000_000 + micros
    ahead_hours, ahead_minutes = int(found[9]), int(found[10])
    if ahead_hours > 23 or ahead_minutes > 59:
        return None
    ahead = (ahead_hours * 60 + ahead_minutes) * 60
    return (local - (ahead if found[8] == "+" else -ahead)) * 1_000_000 + micros


@cache
def zone(name: str) -> ZoneInfo:
    """The zone by the tzdata package, not by what the machine happens to have."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


def business_day(at_us: int, time_zone: str) -> int:
    """Days since 1970-01-01 of the date that the business's wall calendar showed."""
    seconds, cycles = at_us // 1_000_000, 0
    while seconds > 240_000_000_000:  # the year 9575: keep clear of datetime's last day
        seconds, cycles = seconds - CYCLE_DAYS * 86_400, cycles + 1
    shown = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return (shown.astimezone(zone(time_zone)).date() - EPOCH).days + cycles * CYCLE_DAYS


def date_text(day: int) -> str:
    """YYYY-MM-DD."""
    year, rest = divmod(day, CYCLE_DAYS)
    shown = EPOCH + timedelta(days=rest)
    return f"{shown.year + 400 * year:04d}-{shown.month:02d}-{shown.day:02d}"


def month_of(day: int) -> int:
    """Months since January 1970."""
    year, month, _ = date_text(day).split("-")
    return (int(year) - 1970) * 12 + int(month) - 1


def start_of(day: int, time_zone: str) -> int:
    """Unix seconds of the first instant that the business calls `day`, by bisection."""
    low, high = day * 86_400 - 2 * 86_400, day * 86_400 + 2 * 86_400
    while low < high:
        middle = (low + high) // 2
        if business_day(middle * 1_000_000, time_zone) >= day:
            high = middle
        else:
            low = middle + 1
    return low
