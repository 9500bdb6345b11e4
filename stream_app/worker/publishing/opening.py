"""Looking at what Redis holds, and deciding partition by partition what has to be published.

Done when a connection opens, when partitions come, when a write is answered with surprise, and
every few seconds besides: an emptied Redis is noticed also when nothing happens.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import structlog

from stream_app.core.models.parameters import ModelParameters
from stream_app.metrics import Metrics
from stream_app.stores import published, scripts
from stream_app.stores.redis import Link
from stream_app.stores.scores import Move, Opened, Place, ScoreStore
from stream_app.wire.models import redis_fields
from stream_app.wire.scoring import scoring_fields
from stream_app.worker.publishing.catch_up import changed_since, everything
from stream_app.worker.publishing.causes import Cause
from stream_app.worker.publishing.flush import Load
from stream_app.worker.publishing.follower import (
    Expected,
    Follower,
    missing_again,
    missing_at_first,
)
from stream_app.worker.publishing.scoring import Scoring

log = structlog.get_logger(__name__)


class Opening:
    """Opens partitions in Redis and notices when they must be opened again."""

    def __init__(self, store: ScoreStore, metrics: Metrics, refresh_seconds: float) -> None:
        self._store = store
        self._metrics = metrics
        self._refresh_seconds = refresh_seconds
        self._gen = 1
        self._publishing: bool | None = None
        self._shown: Scoring | None = None
        """Whose models stand in Redis."""

    def connected(self) -> None:
        """Another connection: what we showed on the last one may be gone."""
        self._shown = None

    async def look(
        self, link: Link, followers: Sequence[Follower], scoring: Scoring, run_id: str
    ) -> bool:
        """Compare and open. True when something moved meanwhile and another look is needed."""
        opened = await self._store.open(
            link,
            [(each.partition.number, each.partition.epoch) for each in followers],
            gen_if_none=0 if self._publishing is False else self._gen,
        )
        if not self._ours(opened):
            for follower in followers:
                follower.forget()
            return False
        self._gen = opened.gen
        needed: list[tuple[Follower, Cause, bytes | None]] = []
        for follower, epoch, stored in zip(followers, opened.epochs, opened.published, strict=True):
            follower.retry_refused()
            expected = Expected(self._gen, scoring.id, run_id, follower.partition.next_offset)
            cause = self._compare(follower, epoch, stored, expected, scoring)
            if cause is not None:
                follower.opened = False
                needed.append((follower, cause, stored))
        again = not await self._begin(link, needed, scoring, run_id)
        await self._show_model(link, scoring, anew=bool(needed))
        return again

    def refused(self, load: Load) -> None:
        """Say why Redis refused what we wrote; the next look decides what to do."""
        follower = load.follower
        if load.status == scripts.WRITTEN:
            if not follower.refused:
                log.error(
                    "redis has newer scores than the changelog; they stay. Another worker may have"
                    " written them, or the changelog was made anew: then use a new build",
                    partition=follower.partition.number,
                    customers=len(load.refused),
                )
            return
        follower.opened = False

    def _ours(self, opened: Opened) -> bool:
        """Whether our build is the publishing one; said when it changes."""
        ours = opened.build == int(self._store.keys.build)
        if ours != self._publishing and (self._publishing is not None or not ours):
            log.info(
                "this build publishes now" if ours else "another build publishes; this one waits",
                publishing=opened.build,
                gen=opened.gen,
            )
        self._publishing = ours
        self._metrics.set("ltv_publishing", ours, self._store.keys.build.decode())
        return ours

    def _compare(
        self,
        follower: Follower,
        epoch: int | None,
        stored: bytes | None,
        expected: Expected,
        scoring: Scoring,
    ) -> Cause | None:
        """Adopt what Redis holds where it is what it should be; else say why it is not."""
        if epoch is not None and epoch > follower.partition.epoch:
            self._depose(follower, epoch)
            return None
        follower.deposed = False
        if follower.wrote is not None:
            cause = missing_again(follower, stored, epoch, expected)
            if cause is None:
                follower.wrote, follower.opened = stored, True
            return cause
        cause = missing_at_first(stored, expected)
        found = published.decode(stored)
        if cause is not None or found is None:
            return cause
        follower.wrote, follower.opened = stored, True
        follower.reached, follower.swept = found.position, found.swept
        follower.ranks, follower.ranks_found = None, found.ranks
        self._bind(follower, scoring, expected.run_id)
        as_of = scoring.as_of.of(follower.partition)
        if found.position < expected.next_offset or scoring.has_new_day(found.swept, as_of):
            follower.catch_up = changed_since(
                follower.partition, found.position, found.swept, as_of
            )
        return None

    def _depose(self, follower: Follower, epoch: int) -> None:
        if not follower.deposed:
            log.error(
                "redis knows a later owner of the partition; this worker does not publish it."
                " If there is no other worker, the changelog was made anew: use a new build",
                partition=follower.partition.number,
                epoch=follower.partition.epoch,
                later_epoch=epoch,
            )
        follower.deposed = True

    async def _begin(
        self,
        link: Link,
        needed: Sequence[tuple[Follower, Cause, bytes | None]],
        scoring: Scoring,
        run_id: str,
    ) -> bool:
        """Put a token in the place of each position, and begin to publish everything."""
        if not needed:
            return True
        moves = []
        for follower, _, stored in needed:
            partition = follower.partition
            follower.moving = published.encode(published.token())
            moves.append(Move(partition.number, partition.epoch, stored, follower.moving))
        moved = await self._store.move(link, moves)
        for (follower, cause, _), done in zip(needed, moved, strict=True):
            if not done:
                continue
            follower.wrote, follower.opened = follower.moving, True
            follower.begun += 1
            follower.reached, follower.refused = 0, {}
            follower.ranks, follower.ranks_found = None, ""
            self._bind(follower, scoring, run_id)
            as_of = scoring.as_of.of(follower.partition)
            follower.catch_up = everything(
                follower.partition, cause, as_of, scoring.ranks, follower.catch_up
            )
            self._metrics.add("ltv_full_publishes_total", 1, cause)
            log.info(
                "everything is published",
                partition=follower.partition.number,
                customers=len(follower.partition.customers),
                cause=cause,
            )
        return all(moved)

    def _bind(self, follower: Follower, scoring: Scoring, run_id: str) -> None:
        """What the follower's published values will say from here on."""
        follower.gen, follower.scoring, follower.run_id = self._gen, scoring.id, run_id
        # At a random moment of its age, so that not all partitions of all workers come at once.
        share = random.uniform(0.5, 1.0)
        follower.refresh_due = asyncio.get_running_loop().time() + self._refresh_seconds * share

    async def _show_model(self, link: Link, scoring: Scoring, *, anew: bool) -> None:
        """Write the parameters in use, so that a reader can evaluate a score at its own now.

        Also where nothing is published for their sake, as for a challenger without a share.
        """
        if self._shown is scoring and not anew:
            return
        rules = scoring_fields(scoring.settings, scoring.calendar.time_zone, scoring.id)
        shown = await self._store.put_scoring(link, rules)
        places: dict[Place, ModelParameters | None] = {
            "current": scoring.parameters,
            "challenger": scoring.challenger,
        }
        for place, model in places.items():
            fields = redis_fields(model) if model is not None else ()
            model_id = model.id if model is not None else None
            shown &= await self._store.put_model(link, model_id, fields, place=place)
        self._shown = scoring if shown else None
