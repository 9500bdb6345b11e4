"""The publisher: keeps Redis equal to the acknowledged state of the partitions held.

One task and one connection serve all partitions of a worker. Scoring has a fixed price per call, so
the customers of all partitions are scored together; Redis is one thread, so a second connection
would gain nothing; and with one task nothing here needs a lock.

Redis is a follower of the changelog. A round takes what is dirty, writes it under guard, and only
then moves each partition's published position; what could not be written is dirty again. Folding
never waits for any of this: while Redis is away changed customers gather in a dict, one entry each.
How Redis may have lost something, and what is then done, is in `follower` and `opening`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import structlog

from stream_app import failpoints
from stream_app.core.models.parameters import ModelParameters
from stream_app.metrics import Metrics
from stream_app.stores.address import Address
from stream_app.stores.published import encode
from stream_app.stores.redis import TROUBLE, Link, refuse_eviction
from stream_app.stores.scores import Move, ScoreStore
from stream_app.worker.partition import Partition, Waiting
from stream_app.worker.publishing.coalescing import Coalescing
from stream_app.worker.publishing.flush import Flush, Load
from stream_app.worker.publishing.follower import Follower, following
from stream_app.worker.publishing.lateness import WAITING_KEPT, observe, show_age, trim
from stream_app.worker.publishing.opening import Opening
from stream_app.worker.publishing.passes import Passes
from stream_app.worker.publishing.redis_health import RETRY_SECONDS, RedisHealth
from stream_app.worker.publishing.scoring import Scoring
from stream_app.worker.publishing.summaries import Summaries

if TYPE_CHECKING:
    from stream_app.worker.tracing import PublishSpan, Tracing

log = structlog.get_logger(__name__)

MOMENT_SECONDS: Final = 0.05
"""The longest sleep in which a stop is not noticed."""


@dataclass(frozen=True)
class Options:
    """What can be chosen; durations in seconds."""

    allow_eviction: bool = False
    batch: int = 200
    """Customers per script call."""
    check_seconds: float = 3.0
    """How often Redis is asked whether it still holds what was published."""
    refresh_seconds: float = 7 * 86_400.0
    """Age at which scores are computed again though nothing happened."""
    republish_rate: float = 25_000.0
    """Customers a second that passes publish where Redis has everybody; 0: no limit."""
    timeout_seconds: float = 5.0
    """How long Redis may take to answer."""
    coalescing: Coalescing = field(default_factory=Coalescing)


@dataclass(slots=True)
class _Taken:
    """What a round took from a partition."""

    load: Load
    waiting: list[Waiting]
    reached: int


class Publisher:
    """Publishes partitions; `run` is its life. Not thread-safe: lives in one event loop."""

    def __init__(
        self,
        where: Address,
        shown_url: str,
        store: ScoreStore,
        scoring: Callable[[ModelParameters | None, str | None, ModelParameters | None], Scoring],
        metrics: Metrics,
        options: Options,
        *,
        behind_seconds: Callable[[], float] | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """`shown_url` names Redis in messages, without its password. `scoring` binds settings to
        the parameters of `set_parameters`. `behind_seconds` says how long folding the
        backlog takes; when not given, there is none."""
        self._where = where
        self._store = store
        self._make_scoring = scoring
        self._metrics = metrics
        self._options = options
        self._behind = behind_seconds or (lambda: 0.0)
        self._tracing = tracing
        self._followers: dict[int, Follower] = {}
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[Any] | None = None
        self._connected = False
        self._summaries = Summaries(store)
        self._opening = Opening(store, metrics, options.refresh_seconds)
        self._passes = Passes(
            options.refresh_seconds, options.republish_rate, metrics, self._write_piece
        )
        self._health = RedisHealth(shown_url, metrics)
        self._scoring: Scoring | None = None
        self._last_flush = 0.0
        self._next_look = 0.0

    # What the worker calls.

    def add(self, partition: Partition) -> None:
        """Follow a partition that is recovered and ours."""
        partition.changed = self._changed
        self._followers[partition.number] = Follower(partition)
        self._look_soon()

    def drop(self, number: int) -> None:
        """Follow a partition no longer. A write under way is refused once its new owner comes."""
        self._followers.pop(number, None)
        self._summaries.drop(number)
        self._look_soon()

    def summarize(self, number: int, name: str, value: bytes) -> None:
        """Say something of partition `number` as a whole, in the place of what was said before."""
        self._summaries.put(number, name, value)
        self._changed.set()

    def said(self, number: int) -> Mapping[str, bytes]:
        """What is said of partition `number` as a whole, by name."""
        return self._summaries.of(number)

    def set_parameters(
        self,
        parameters: ModelParameters | None,
        reason: str | None = None,
        challenger: ModelParameters | None = None,
    ) -> None:
        """Score with these from now on; None scores by formula, and `reason` says why. Where a
        share of the customers is the challenger's, it scores them.

        Nothing is published before the first call. Another model publishes everything again.
        """
        scoring = self._make_scoring(parameters, reason, challenger)
        self._scoring = replace(scoring, ranks=self._summaries.ranks)
        self._look_soon()

    @property
    def scoring(self) -> Scoring | None:
        """How customers are scored now; None before it is known."""
        return self._scoring

    @property
    def backlog(self) -> int:
        """Customers that Redis does not show as they are."""
        return sum(
            len(each.partition.dirty) + (each.catch_up.remaining if each.catch_up else 0)
            for each in self._followers.values()
        )

    @property
    def settled(self) -> bool:
        """Whether Redis shows all that is acknowledged, and its positions say so."""
        return all(each.writable and each.idle for each in self._followers.values())

    async def run(self) -> None:
        """Publish until `stop`. Raises only ConfigurationError: a Redis that evicts scores."""
        self._task = asyncio.current_task()
        while not self._stopping.is_set():
            link: Link | None = None
            try:
                link = await Link.open(self._where, self._options.timeout_seconds)
                self._connected = True
                await self._follow(link)
            except TROUBLE as error:
                self._health.bad(error, backlog=self.backlog)
            except asyncio.CancelledError:
                if not self._stopping.is_set():
                    raise
            finally:
                self._connected = False
                if link is not None:
                    await link.close()
            self._metrics.set("ltv_publish_backlog_customers", self.backlog)
            trim(self._partitions())
            await self._health.rest(self._stopping)

    async def stop(self, drain_seconds: float = 5.0) -> None:
        """Write what is dirty if Redis answers, within a bound; then end `run`."""
        self._stopping.set()
        self._changed.set()
        task = self._task
        if task is None or task.done():
            return
        done, _ = await asyncio.wait({task}, timeout=drain_seconds if self._connected else 0)
        if not done:
            log.warning("stopped without redis; the next start publishes", customers=self.backlog)
            task.cancel()
            await asyncio.wait({task})

    # One connection.

    async def _follow(self, link: Link) -> None:
        """Publish over one connection until it fails or we are to stop."""
        server = await link.server()
        refuse_eviction(server, allowed=self._options.allow_eviction)
        await self._store.prepare(link)
        self._opening.connected()
        self._next_look = 0.0
        while not self._stopping.is_set():
            if self._scoring is None:
                self._health.good(backlog=self.backlog)
                await self._changed_within(self._options.check_seconds)
                continue
            if self._now() >= self._next_look:
                await self._look(link, self._scoring)
            await self._round(link, self._scoring)
            await self._wait()
        if self._scoring is not None:
            await self._round(link, self._scoring, last=True)

    async def _look(self, link: Link, scoring: Scoring) -> None:
        """Compare what Redis holds with what we left there; open what is new."""
        self._next_look = self._now() + self._options.check_seconds  # sooner, if asked meanwhile
        run_id = await link.run_id()
        trim(self._partitions())
        again = await self._opening.look(link, list(self._followers.values()), scoring, run_id)
        await self._summaries.read(link, list(self._followers.values()), self._now())
        if self._summaries.ranks is not scoring.ranks and self._scoring is scoring:
            self._scoring = replace(scoring, ranks=self._summaries.ranks)
        show_age(self._followers.values(), scoring, self._metrics)
        if again:
            self._next_look = self._now() + RETRY_SECONDS[0]
        if not self.backlog:
            self._health.good(backlog=self.backlog)

    async def _round(self, link: Link, scoring: Scoring, *, last: bool = False) -> None:
        """Write live changes if it is time, then a piece of each catch-up, then positions."""
        taken: list[_Taken] = []
        if last or self._live_wait() <= 0:
            taken = [self._take(each) for each in self._followers.values() if each.writable]
            self._last_flush = self._now()
        await self._publish(link, scoring, taken)
        if not last:
            await self._passes.go_on(list(self._followers.values()), link, scoring)
        await self._move(link)
        await self._summaries.write(link, list(self._followers.values()))
        self._metrics.set("ltv_publish_backlog_customers", self.backlog)

    def _take(self, follower: Follower) -> _Taken:
        taken, waiting, reached = follower.take()
        return _Taken(Load(follower, taken), waiting, reached)

    async def _publish(self, link: Link, scoring: Scoring, taken: list[_Taken]) -> None:
        """Write what was taken; what is not in Redis afterwards is dirty again."""
        loads = [each.load for each in taken]
        customers = sum(len(load.customers) for load in loads)
        span = self._span(customers, taken) if self._tracing is not None else None
        try:
            if customers:
                await Flush(link, self._store, scoring, batch=self._options.batch).write(loads)
        except BaseException as error:
            for each in taken:
                load = each.load
                written = load.follower.cut_off(
                    load.customers, load.written, each.waiting, WAITING_KEPT
                )
                self._metrics.add("ltv_published_customers_total", written)
            if span is not None:
                span.failed(error)
            raise
        if span is not None:
            span.done()
        for each in taken:
            self._account(each)
        if customers:
            self._health.good(backlog=self.backlog)

    def _span(self, customers: int, taken: list[_Taken]) -> PublishSpan | None:
        """The trace of a publish of live changes; None where there are none."""
        if self._tracing is None or not customers:
            return None
        slices = (one.span for each in taken for one in each.waiting if one.span is not None)
        return self._tracing.publish(customers, slices)

    def _account(self, taken: _Taken) -> None:
        """Note what became of a live load: its position, its refusals, its lateness."""
        load, follower = taken.load, taken.load.follower
        if not self._accepted(load):
            follower.put_back(load.customers, taken.waiting, WAITING_KEPT)
            return
        follower.reached = taken.reached
        observe(follower.partition, taken.waiting, self._metrics)

    def _accepted(self, load: Load) -> bool:
        """Whether a load is in Redis, but for single customers that are kept to be tried again."""
        if load.refused or not load.accepted:
            self._opening.refused(load)
            pause = RETRY_SECONDS[1 if load.accepted else 0]
            self._next_look = min(self._next_look, self._now() + pause)
        if load.accepted:
            load.follower.note_written(load.customers, load.refused)
            written = len(load.customers) - len(load.refused)
            self._metrics.add("ltv_published_customers_total", written)
        return load.accepted

    async def _write_piece(self, link: Link, scoring: Scoring, load: Load) -> bool:
        """Write what a pass has chosen; whether it is in Redis, as in `_accepted`."""
        if load.customers:
            await Flush(link, self._store, scoring, batch=self._options.batch).write([load])
        return self._accepted(load)

    async def _move(self, link: Link) -> None:
        """Move the published positions of all partitions that have got further."""
        movable: list[Follower] = []
        moves: list[Move] = []
        for follower in self._followers.values():
            if not follower.writable or follower.holds_position:
                continue
            new = encode(following(follower))
            if new != follower.wrote:
                follower.moving = new
                movable.append(follower)
                partition = follower.partition
                moves.append(Move(partition.number, partition.epoch, follower.wrote, new))
        if not moves:
            return
        failpoints.hit("after_redis")
        for follower, moved in zip(movable, await self._store.move(link, moves), strict=True):
            if moved:
                follower.wrote = follower.moving
            else:
                follower.opened = False
                self._next_look = 0.0

    # Waiting.

    async def _wait(self) -> None:
        """Wait until there is something to do; lets everybody else go on in any case."""
        pause = self._passes.pause(self._followers.values())
        if pause <= 0:
            await asyncio.sleep(0)
            return
        until = min(pause, max(0.0, self._next_look - self._now()))
        live = self._live_wait()
        if live > until:
            await self._changed_within(until)
        else:
            await asyncio.sleep(min(live, MOMENT_SECONDS))

    def _live_wait(self) -> float:
        """How long live changes should be gathered from now on; infinite when there are none."""
        able = [each for each in self._followers.values() if each.writable]
        dirty = sum(len(each.partition.dirty) for each in able)
        moved = any(each.reached < each.partition.next_offset for each in able)
        return self._options.coalescing.wait_seconds(
            customers=dirty or int(moved),
            behind_seconds=self._behind() if dirty else 0.0,
            since_flush_seconds=self._now() - self._last_flush,
        )

    async def _changed_within(self, seconds: float) -> None:
        """Sleep until a partition changes, at most so long."""
        self._changed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    def _partitions(self) -> list[Partition]:
        return [each.partition for each in self._followers.values()]

    def _look_soon(self) -> None:
        self._next_look = 0.0
        self._changed.set()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
