"""How fast passes go: so many customers a second, in pieces that others hardly notice.

Time is an argument, in seconds.
"""

from __future__ import annotations

from math import inf
from typing import Final

SAVED_SECONDS: Final = 0.25
"""Idle time that may be made up for: a wait that ends late must not lower the rate."""
PIECE_SECONDS: Final = 0.008
"""What a piece should take. Live changes wait for it; they are gathered for 5 ms in any case, and
on their way from the producer to Redis for 20."""
FEWEST: Final = 100
"""Customers in a piece, at least: scoring one costs half as much."""
MOST: Final = 500
"""And at most."""


class RateLimit:
    """A token bucket that may go into debt by one piece: what was published is paid off first.

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


class PieceSize:
    """How many customers a piece has, so that it takes about `PIECE_SECONDS`, here and now.

    It depends on the model (Pareto/NBD costs thirty times the others), on whether customers are
    only looked at or written, and on who else uses the machine.

    >>> size = PieceSize()
    >>> for _ in range(20):
    ...     size.took(size.customers, size.customers * 40e-6)
    >>> size.customers
    200
    """

    def __init__(self) -> None:
        self.customers = 2 * FEWEST

    def took(self, customers: int, seconds: float) -> None:
        """A piece of so many took so long; fewer than `FEWEST`, as at the end, say little.

        One slow piece may be bad luck: the next is at least half, and at most twice, as large.
        """
        if customers >= FEWEST:
            wanted = customers * PIECE_SECONDS / max(seconds, 1e-9)
            within = min(max(wanted, self.customers / 2), self.customers * 2)
            self.customers = round(min(max(within, FEWEST), MOST))
