"""What `ltv backfill` was asked to do, and how its words are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stream_app.errors import UsageError
from stream_app.jobs.send.moments import Moments
from stream_app.wire.times import Times

SECOND_US: Final = 1_000_000
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"([0-9]{1,9})(s|m|h|d)|0", re.ASCII)


@dataclass(frozen=True)
class Order:
    """One call of `ltv backfill`."""

    history: tuple[str, ...]
    """Files, patterns of files or SQL; `TYPE=` before one says what its rows are."""
    until: str
    """The cut: a date, or a time."""
    into: int | None = None
    """The build to make; None: the one after LTV_BUILD."""
    kind: str | None = None
    """What rows without a type are; None: purchases."""
    mapping: tuple[str, ...] = ()
    """Words FIELD=COLUMN."""
    lateness: str | None = None
    """How far before the cut the stream begins; None: a day, or nothing without event ids."""
    refused: Path | None = None
    skip_refused: bool = False
    dry_run: bool = False
    directory: Path | None = None
    """Where room for about the history is; None: where temporary files go."""


def instant_us(text: str, time_zone: str) -> int:
    """The cut, in microseconds since 1970; a date is its first instant in the business time zone.

    >>> instant_us("1970-01-02", "UTC"), instant_us("1970-01-01T00:00:01Z", "Asia/Seoul")
    (86400000000, 1000000)
    """
    at_us = Times().instant_us(Moments(time_zone).rfc3339(text))
    if at_us is None or at_us < 0:
        raise UsageError(
            f"--until {text!r} is neither a date such as 2026-11-01 nor a time such as"
            " 2026-11-01T00:00:00Z."
        )
    return at_us


def duration_us(text: str) -> int:
    """A duration in microseconds.

    >>> duration_us("24h"), duration_us("0")
    (86400000000, 0)
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise UsageError(f"--lateness {text!r} is not a duration such as 24h, 90m, 30s, 2d or 0.")
    return int(found[1]) * _UNITS[found[2]] * SECOND_US if found[1] else 0
