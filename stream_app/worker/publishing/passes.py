"""When a pass over a partition begins because time has passed, and whose turn it is.

Tiers fall only when a business day begins (the contract has every such instant at the start of a
day). So no timer holds every customer's next instant: when a day has begun, one pass scores the
customers as they were published and publishes those whose tier has changed since. It costs 2 us a
customer and day, no memory, and is the same that a start after a pause needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from stream_app.worker.publishing.catch_up import falls, refreshed
from stream_app.worker.publishing.follower import Follower
from stream_app.worker.publishing.scoring import Scoring

SWEEP_SHARE: Final = 10
"""A piece of a pass is followed by a pause before the next sweep of so many times its length:
history read at many days a second must not become nothing but sweeps."""


class Passes:
    """Begins and ends passes; gives the partitions their turns."""

    def __init__(self, refresh_seconds: float) -> None:
        self._refresh_seconds = refresh_seconds
        self._turn = 0

    def next_turn(
        self, followers: Iterable[Follower], scoring: Scoring, now: float
    ) -> Follower | None:
        """Whose pass goes on now; None when no pass is under way. `now` is loop time."""
        writable = [each for each in followers if each.writable]
        for follower in writable:
            follower.end_if_done()
            self._begin_if_due(follower, scoring, now)
        able = [each for each in writable if each.able_to_catch_up]
        if not able:
            return None
        self._turn += 1
        return able[self._turn % len(able)]

    def worked(self, follower: Follower, began: float, now: float) -> None:
        """A piece took from `began` to `now`."""
        follower.sweep_due = max(follower.sweep_due, now) + (now - began) * SWEEP_SHARE
        follower.end_if_done()

    def _begin_if_due(self, follower: Follower, scoring: Scoring, now: float) -> None:
        """Begin a pass where scores have grown old or a business day has begun."""
        if follower.catch_up is not None or not scoring.as_of.moves:
            return
        partition = follower.partition
        as_of = scoring.as_of.of(partition)
        if scoring.as_of.by_clock and now >= follower.refresh_due:
            follower.refresh_due = now + self._refresh_seconds
            follower.catch_up = refreshed(partition, as_of)
        elif now >= follower.sweep_due and scoring.has_new_day(follower.swept, as_of):
            follower.catch_up = falls(partition, follower.swept, as_of)
