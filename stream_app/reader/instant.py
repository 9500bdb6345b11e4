"""The caller's now."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Final

LAST: Final = 253_370_764_800
"""The year 9999, past which there is no calendar."""


def unix_seconds(now: datetime | float | None) -> int:
    """Whole seconds since 1970, as the worker counts them; ValueError where they are none.

    >>> from datetime import UTC
    >>> unix_seconds(datetime(2024, 4, 1, tzinfo=UTC)), unix_seconds(1711929600.9)
    (1711929600, 1711929600)
    """
    if now is None:
        return int(time.time())
    if isinstance(now, datetime):
        if now.tzinfo is None:
            raise ValueError("now is a datetime without an offset: it names no instant")
        now = now.timestamp()
    if not 0 <= now < LAST:
        raise ValueError(f"now is {now!r}, not within the years 1970 to 9998")
    return int(now)
