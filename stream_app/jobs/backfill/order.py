"""What `ltv backfill` was asked to do, and how its words are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stream_app.errors import UsageError

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


def duration_us(text: str) -> int:
    """A duration in microseconds.

    >>> duration_us("24h"), duration_us("0")
    (86400000000, 0)
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise UsageError(f"--lateness {text!r} is not a duration such as 24h, 90m, 30s, 2d or 0.")
    return int(found[1]) * _UNITS[found[2]] * SECOND_US if found[1] else 0
