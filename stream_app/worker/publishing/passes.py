"""When a pass over a partition begins, whose turn it is, and how fast passes go.

Numbers move only when a business day begins, tiers among them (the contract has every such instant
at the start of a day). So no timer holds every customer's next instant: when a day has begun, one
pass scores the customers as of the last one and as of now, and publishes those whose numbers have
moved (`core.ageing`). It needs no memory, and is the same that a start after a pause needs.

Live changes go first: a piece of a pass is done between two live flushes, and takes no longer than
a few of them. Where Redis has everybody, and only the numbers are older, passes keep a rate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from math import inf
from typing import Final

import structlog

from stream_app.metrics import Metrics
from stream_app.stores.redis import Link
from stream_app.worker.publishing.catch_up import CatchUp, Chosen, aged, refreshed, reranked
from stream_app.worker.publishing.causes import LACKING, LIMITED, SWEEPS
from stream_app.worker.publishing.flush import Load
from stream_app.worker.publishing.follower import Follower
from stream_app.worker.publishing.pace import PieceSize, RateLimit
from stream_app.worker.publishing.scoring import Scoring

log = structlog.get_logger(__name__)

LACKING_PIECE: Final = 2000
"""Customers looked at between two live flushes where Redis may lack customers altogether."""
SWEEP_SHARE: Final = 10
"""A piece of a pass is followed by a pause before the next sweep of so many times its length:
history read at many days a second must not become nothing but sweeps."""

Write = Callable[[Link, Scoring, Load], Awaitable[bool]]
"""Writes a load; says whether Redis took it, but for single customers that it refused."""


class Passes:
    """Begins passes, does their pieces and ends them; gives the partitions their turns."""

    def __init__(
        self, refresh_seconds: float, customers_a_second: float, metrics: Metrics, write: Write
    ) -> None:
        """`customers_a_second`: what passes publish where Redis has everybody; 0: no limit."""
        self._refresh_seconds = refresh_seconds
        self._limit = RateLimit(customers_a_second)
        self._size = PieceSize()
        self._metrics = metrics
        self._write = write
        self._turn = 0

    def pause(self, followers: Iterable[Follower]) -> float:
        """Seconds until `go_on` has something to do for a pass under way; inf: there is none."""
        return min((self._wait(each) for each in followers), default=inf)

    async def go_on(self, followers: Iterable[Follower], link: Link, scoring: Scoring) -> None:
        """Begin what is due, and do a piece of one pass that may go on now."""
        follower = self._next_turn(followers, scoring)
        if follower is None or follower.catch_up is None:
            return
        passing, began = follower.catch_up, _now()
        if passing.began is None:
            passing.began = began
        if not passing.keys.sorted:
            passing.keys.sort()
        else:
            await self._do_piece(follower, passing, link, scoring)
        if passing.cause in SWEEPS:
            now = _now()
            follower.sweep_due = max(follower.sweep_due, now) + (now - began) * SWEEP_SHARE
        self._end_if_done(follower, scoring)

    async def _do_piece(
        self, follower: Follower, passing: CatchUp, link: Link, scoring: Scoring
    ) -> None:
        partition, began = follower.partition, _now()
        lacking = passing.cause in LACKING
        piece = passing.piece(partition, LACKING_PIECE if lacking else self._size.customers)
        chosen = passing.chosen(piece, scoring.as_of.of(partition), scoring)
        load = Load(follower, {key: one for some in chosen.values() for key, one in some.items()})
        if await self._write(link, scoring, load):
            passing.advance(partition, piece)
            self._account(passing, chosen, load.refused)
        self._size.took(len(piece), _now() - began)

    def _account(self, passing: CatchUp, chosen: Chosen, refused: list[bytes]) -> None:
        """Count whom a piece has published, and charge those for whom the rate holds."""
        without, charged = set(refused), 0
        for cause, customers in chosen.items():
            published = len(customers.keys() - without)
            passing.published += published
            charged += published if cause in LIMITED else 0
            self._metrics.add("ltv_republished_customers_total", published, cause)
        self._limit.charge(charged, _now())

    def _next_turn(self, followers: Iterable[Follower], scoring: Scoring) -> Follower | None:
        """Whose pass goes on now; None when no pass is under way, or all have to wait."""
        writable = [each for each in followers if each.writable]
        for follower in writable:
            self._end_if_done(follower, scoring)
            self._begin_if_due(follower, scoring)
        able = [each for each in writable if self._wait(each) <= 0]
        if not able:
            return None
        self._turn += 1
        return able[self._turn % len(able)]

    def _wait(self, follower: Follower) -> float:
        """Seconds until a partition's pass may go on; inf: there is nothing to do for one."""
        passing = follower.catch_up
        if passing is None or not follower.able_to_catch_up:
            return inf
        if passing.cause == "rank" and follower.says_ranked:
            return inf  # a worker that dies now must not leave places by two tables as if by one
        return self._limit.wait(_now()) if passing.limited else 0.0

    def _begin_if_due(self, follower: Follower, scoring: Scoring) -> None:
        """Begin a pass where scores are old, a business day has begun, or the population moved."""
        if follower.catch_up is not None:
            return
        partition, now = follower.partition, _now()
        as_of, ranks = scoring.as_of.of(partition), scoring.ranks
        if scoring.as_of.by_clock and now >= follower.refresh_due:
            follower.refresh_due = now + self._refresh_seconds
            follower.catch_up = refreshed(partition, as_of, ranks)
        elif now < follower.sweep_due:
            return
        elif scoring.has_new_day(follower.swept, as_of):
            follower.catch_up = aged(partition, follower.swept, as_of)
        elif ranks is not None and follower.ranks is not ranks and not follower.ranks_found:
            follower.catch_up = reranked(partition, follower.swept, follower.ranks, ranks)
            follower.ranks = None  # and first of all Redis is told so: see `_wait`

    def _end_if_done(self, follower: Follower, scoring: Scoring) -> None:
        """End a pass that has looked at everybody, and say what it cost."""
        passing = follower.end_if_done()
        if passing is None:
            return
        seconds = 0.0 if passing.began is None else _now() - passing.began
        if passing.cause == "drift":
            self._metrics.set("ltv_sweep_seconds", seconds)
        # By event time there may be many a second.
        say = log.info if passing.holds_position or scoring.as_of.by_clock else log.debug
        say(
            "everybody was looked at",
            partition=follower.partition.number,
            cause=passing.cause,
            customers=passing.looked_at,
            published=passing.published,
            seconds=round(seconds, 3),
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
