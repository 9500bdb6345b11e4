"""How long changed customers are gathered before they are written to Redis.

Redis is the wall: writing a customer costs it ten times what folding an event costs us. A customer
that changes twice while it waits is written once, so waiting saves work; it also makes a score
late. When the worker follows live events it waits a few milliseconds; when it works through a
backlog the scores are late anyway: it waits half as long as the rest of the backlog takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Coalescing:
    """The rule, and nothing that remembers: what happened is given to `wait_seconds`."""

    spacing_seconds: float = 0.005
    """Between the starts of two flushes, at least. A flush costs about 1 ms however small it is."""
    most_seconds: float = 10.0
    """The longest wait, however far behind we are."""
    share: float = 0.5
    """What part of the time that the backlog takes is waited."""
    most_customers: int = 200_000
    """This many are written at once: the versions that wait are held in memory twice."""

    def wait_seconds(
        self, *, customers: int, behind_seconds: float, since_flush_seconds: float
    ) -> float:
        """How long to wait from now, when `customers` wait and the last flush began so long ago.

        `behind_seconds`: how long folding the backlog takes.

        >>> Coalescing().wait_seconds(customers=3, behind_seconds=0.02, since_flush_seconds=1.0)
        0.0
        >>> Coalescing().wait_seconds(customers=3, behind_seconds=600, since_flush_seconds=0.5)
        9.5
        """
        if customers == 0:
            return inf
        if customers >= self.most_customers:
            return 0.0
        gathered = max(self.spacing_seconds, min(self.most_seconds, behind_seconds * self.share))
        return max(0.0, gathered - since_flush_seconds)
