"""So many customers a second, on average: what was published is paid off before more is."""

from __future__ import annotations

from math import inf
from typing import Final

SAVED_SECONDS: Final = 0.25
"""Idle time that may be made up for: a wait that ends late must not lower the rate."""


class RateLimit:
    """A token bucket that may go into debt by one piece. Time is an argument, in seconds.

    >>> limit = RateLimit(per_second=4)
    >>> limit.wait(now=50.0)
    0.0
    >>> limit.charge(3, now=50.0)
    >>> limit.wait(now=50.0), limit.wait(now=50.25), limit.wait(now=50.5)
    (0.5, 0.25, 0.0)
    """

    def __init__(self, per_second: float) -> None:
        """`per_second` of 0: no limit."""
        self._seconds_each = 1.0 / per_second if per_second > 0 else 0.0
        self._paid_at = -inf

    def charge(self, customers: int, now: float) -> None:
        """So many were published."""
        begin = max(self._paid_at, now - SAVED_SECONDS)
        self._paid_at = begin + customers * self._seconds_each

    def wait(self, now: float) -> float:
        """Seconds until all is paid; 0 where more may be published now."""
        return max(0.0, self._paid_at - now)
