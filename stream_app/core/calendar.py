"""The business's calendar: instants to days, days to months and texts, in one time zone.

Exact for every zone of the IANA database, whose copy is that of the ``tzdata`` package, so that
its version is known and the same on every machine.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped]

DAY_SECONDS: Final = 86_400
DAY_US: Final = DAY_SECONDS * 1_000_000

_EPOCH: Final = date(1970, 1, 1)
_EPOCH_ORDINAL: Final = _EPOCH.toordinal()
_EPOCH_UTC: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ZONE_NAME: Final = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)
_HOURS: Final = 24


def month_of(day: int) -> int:
    """Months since January 1970 of a day since 1970-01-01.

    >>> month_of(0), month_of(30), month_of(31), month_of(-1)
    (0, 0, 1, -1)
    """
    shown = date.fromordinal(_EPOCH_ORDINAL + day)
    return (shown.year - 1970) * 12 + shown.month - 1


def date_text(day: int) -> str:
    """``YYYY-MM-DD`` of a day since 1970-01-01."""
    return date.fromordinal(_EPOCH_ORDINAL + day).isoformat()


def month_text(month: int) -> str:
    """``YYYY-MM`` of a month since January 1970."""
    year, place = divmod(month, 12)
    return f"{1970 + year:04d}-{place + 1:02d}"


def month_start(month: int) -> int:
    """The first day, since 1970-01-01, of a month since January 1970.

    >>> month_start(1), month_of(month_start(650)), month_of(month_start(650) - 1)
    (31, 650, 649)
    """
    year, place = divmod(month, 12)
    return (date(1970 + year, place + 1, 1) - _EPOCH).days


def month_from_text(text: str) -> int:
    """Months since January 1970 of ``YYYY-MM``; ValueError where it is no month.

    >>> month_from_text("1997-01")
    324
    """
    if not _MONTH.fullmatch(text):
        raise ValueError(f"{text!r} is not a month such as 2024-03")
    shown = date.fromisoformat(f"{text}-01")
    return (shown.year - 1970) * 12 + shown.month - 1


def day_from_text(text: str) -> int:
    """Days since 1970-01-01 of ``YYYY-MM-DD``; ValueError where it is no date."""
    return (date.fromisoformat(text) - _EPOCH).days


def tzdata_version() -> str:
    """Release of the IANA time zone database in use, such as ``2025b``."""
    return str(tzdata.IANA_VERSION)


class Calendar:
    """Days of one time zone.

    >>> tokyo = Calendar("Asia/Tokyo")
    >>> tokyo.day_of(1_704_034_800_000_000), tokyo.date_text(19_723), tokyo.start_of(19_723)
    (19723, '2024-01-01', 1704034800)
    >>> Calendar("Europe/Atlantis")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: 'Europe/Atlantis' is no time zone of the IANA database (...)
    """

    def __init__(self, time_zone: str) -> None:
        self.time_zone = time_zone
        self._zone = _load(time_zone)
        self._is_utc = time_zone in ("UTC", "Etc/UTC")
        self._offsets: dict[int, int | None] = {}

    def day_of(self, at_us: int) -> int:
        """The day that the business's wall calendar showed at an instant (us since 1970 UTC).

        ValueError where the instant is past the year 9998.
        """
        if self._is_utc:
            return at_us // DAY_US
        utc_day = at_us // DAY_US
        try:
            offset_us = self._offsets[utc_day]
        except KeyError:
            offset_us = self._offsets[utc_day] = self._constant_offset(utc_day)
        if offset_us is None:
            offset_us = self._offset_us(at_us)
        return (at_us + offset_us) // DAY_US

    def constant_offset_us(self, utc_day: int) -> int | None:
        """How far the zone is ahead of UTC all through a UTC day; None where that changes in it.

        For whoever turns many instants into days at once.
        """
        if utc_day not in self._offsets:
            self._offsets[utc_day] = self._constant_offset(utc_day)
        return self._offsets[utc_day]

    def month_of(self, day: int) -> int:
        """Months since January 1970."""
        return month_of(day)

    def date_text(self, day: int) -> str:
        """``YYYY-MM-DD``."""
        return date_text(day)

    def month_text(self, month: int) -> str:
        """``YYYY-MM``."""
        return month_text(month)

    def start_of(self, day: int) -> int:
        """Unix seconds of the first instant of a day.

        Where clocks skip midnight the day begins at the skip; a day that was skipped whole (Samoa
        had no 30 December 2011) begins when the next one does.
        """
        midnight = datetime.fromordinal(_EPOCH_ORDINAL + day).replace(tzinfo=self._zone)
        return (midnight - _EPOCH_UTC) // timedelta(seconds=1)

    def tzdata_version(self) -> str:
        """Release of the time zone database that the days are counted with."""
        return tzdata_version()

    def _constant_offset(self, utc_day: int) -> int | None:
        """The zone's offset in us, or None when it changes within this UTC day.

        Looked at on every full hour: no zone has ever changed its clocks twice within one.
        """
        start_us = utc_day * DAY_US
        offset_us = self._offset_us(start_us)
        for hour in range(1, _HOURS + 1):
            if self._offset_us(start_us + hour * 3_600_000_000) != offset_us:
                return None
        return offset_us

    def _offset_us(self, at_us: int) -> int:
        try:
            shown = (_EPOCH_UTC + timedelta(microseconds=at_us)).astimezone(self._zone)
        except OverflowError:
            raise ValueError("an instant past the year 9998 has no day") from None
        offset = shown.utcoffset()
        assert offset is not None
        return offset // timedelta(microseconds=1)


def _load(time_zone: str) -> ZoneInfo:
    if _ZONE_NAME.fullmatch(time_zone):
        path = files("tzdata").joinpath("zoneinfo", *time_zone.split("/"))
        if path.is_file():
            with path.open("rb") as zone_file:
                try:
                    return ZoneInfo.from_file(zone_file, key=time_zone)
                except ValueError:
                    pass
    raise ValueError(f"{time_zone!r} is no time zone of the IANA database ({tzdata.IANA_VERSION})")
