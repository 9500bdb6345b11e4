"""Times as files write them, turned into RFC 3339 with an offset, or left as they are.

Only what can mean one thing is turned: ISO dates and times (without an offset they are in the
business time zone; a date is its first instant), `yyyymmdd`, and Unix seconds or milliseconds.
`03/04/2025` is left alone, and the worker's own check then refuses the row.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

_ISO = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?)?", re.ASCII)
_ISO_OFFSET = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)? ?(Z|z|UTC|[+-]\d\d(?::?\d\d)?)",
    re.ASCII,
)
_UNIX = re.compile(r"\d{9,10}|\d{12,13}", re.ASCII)


class Moments:
    """Reads the times of one file; a text seen before costs a look in a cache."""

    def __init__(self, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self.rfc3339 = lru_cache(maxsize=65_536)(self._rfc3339)

    def _rfc3339(self, given: str) -> str:
        text = given.strip()
        if match := _ISO_OFFSET.fullmatch(text):
            return _with_offset(match)
        if match := _ISO.fullmatch(text):
            return self._local(match) or given
        if _UNIX.fullmatch(text):
            return _from_unix(int(text), milliseconds=len(text) > 10)
        return given

    def _local(self, match: re.Match[str]) -> str | None:
        """A time of the business zone; None for what the calendar doesn't have."""
        year, month, day, clock, seconds = match.groups()
        written = f"{year}-{month}-{day}T{clock or '00:00'}{seconds or ':00'}"
        try:
            offset = datetime.fromisoformat(written[:19]).replace(tzinfo=self._zone).strftime("%z")
        except ValueError:
            return None
        return f"{written}{offset[:3]}:{offset[3:5]}"


def _with_offset(match: re.Match[str]) -> str:
    day, clock, seconds, offset = match.groups()
    if offset in {"Z", "z", "UTC"}:
        offset = "Z"
    else:
        digits = offset[1:].replace(":", "").ljust(4, "0")
        offset = f"{offset[0]}{digits[:2]}:{digits[2:]}"
    return f"{day}T{clock}{seconds or ':00'}{offset}"


def _from_unix(number: int, *, milliseconds: bool) -> str:
    seconds, rest = divmod(number, 1000) if milliseconds else (number, 0)
    written = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{written}.{rest:03d}Z" if rest else f"{written}Z"
