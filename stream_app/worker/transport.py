"""Faust's Kafka transport, with one event per slice and positions that come from the state.

Faust hands records on one by one and commits what its own book-keeping says; both lose updates
under faults and cost 70 us an event.  Here `Consumer.getmany` yields a slice, up to a thousand
records of one partition, as ONE message, chained to the slice before it; where reading goes on
after a rebalance, and what is committed to the group, both come from the watermarks of the
partitions held.  Every name overridden is listed in tests/worker/test_faust_contract.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiokafka
import structlog
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import OffsetResetStrategy
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from stream_app import failpoints
from stream_app.errors import Fault
from stream_app.settings import Settings
from stream_app.stores import light_records  # noqa: F401 -- imported for what it does

if TYPE_CHECKING:
    from stream_app.worker.app import LtvApp

log = structlog.get_logger(__name__)

BACKLOG_BYTES = 32 << 20
"""Bytes of record values that may wait for the agent before fetching pauses."""


@dataclass(slots=True)
class Slice:
    """Consecutive records of one partition of one topic, as fetched."""

    start: int
    """Next offset after the slice before this one: the chain that the agent checks."""
    records: Sequence[Any]
    bytes: int


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that runs aiokafka's consumer."""

    consumer: Consumer

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust hard-codes 1500 ms, and a drained partition waits for the running long poll.
        consumer._fetch_max_wait_ms = self.consumer.settings.fetch_wait_ms
        consumer._isolation_level = "read_committed"
        return consumer

    @property
    def refusal(self) -> BaseException | None:
        """Why the coordinator takes us no more, as when a session timeout is out of its range."""
        coordinator = getattr(self._consumer, "_coordinator", None)
        pending: BaseException | None = getattr(coordinator, "_pending_exception", None)
        if pending is not None:  # it waits for somebody to fetch, and nobody does before a join
            return pending
        task = getattr(coordinator, "_coordination_task", None)
        if task is None or not task.done() or task.cancelled():
            return None
        found: BaseException | None = task.exception()
        return found

    async def seek_all(self, positions: Mapping[TP, int]) -> None:
        """Seek in the consumer's own thread, in order with its fetches."""
        await self.call_thread(self._seek_all, positions)

    async def _seek_all(self, positions: Mapping[TP, int]) -> None:
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        for tp, offset in positions.items():
            partition = TopicPartition(tp.topic, tp.partition)
            if partition in assigned:
                consumer.seek(partition, offset)

    async def forbid_reset(self, forbidden: bool) -> None:
        """Whether a fetch out of range is an error instead of a jump to the log's start."""
        await self.call_thread(self._forbid_reset, forbidden)

    async def _forbid_reset(self, forbidden: bool) -> None:
        strategy = OffsetResetStrategy.NONE if forbidden else OffsetResetStrategy.EARLIEST
        self._ensure_consumer()._fetcher._default_reset_strategy = strategy

    def positions(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Where the consumer stands, as seen from outside its thread; unknown ones are absent.

        At a moment when a fetch found nothing this means 'everything before was handed on'.
        """
        consumer = self._consumer
        subscription = consumer._subscription.subscription if consumer is not None else None
        if subscription is None or subscription.assignment is None:
            return {}
        states = {
            tp: subscription.assignment.state_value(TopicPartition(tp.topic, tp.partition))
            for tp in tps
        }
        return {
            tp: state._position
            for tp, state in states.items()
            if state is not None and state.has_valid_position
        }

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit for whoever looks at lag; nothing depends on it, so nothing ends for it."""
        partitions = {
            TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "")
            for tp, offset in offsets.items()
            if tp in self.assignment()
        }
        try:
            await self._ensure_consumer().commit(partitions)
        except (KafkaError, IllegalStateError) as error:
            log.warning("the group's offsets were not committed", why=repr(error))
            return False
        return True

    async def committed(self, tps: Iterable[TP]) -> dict[TP, int]:
        """The group's committed offsets; partitions without one are absent."""
        found: dict[TP, int] = await self.call_thread(self._committed, list(tps))
        return found

    async def _committed(self, tps: Sequence[TP]) -> dict[TP, int]:
        consumer = self._ensure_consumer()
        found = {tp: await consumer.committed(TopicPartition(tp.topic, tp.partition)) for tp in tps}
        return {tp: offset for tp, offset in found.items() if offset is not None}

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's guess at a stuck stream knows nothing of slices; readiness tells instead."""


class Consumer(driver.Consumer):
    """Faust's consumer, yielding slices."""

    app: LtvApp
    settings: Settings
    acknowledged: Callable[[str, int], int | None]
    """Next offset that durable state starts from, by topic and partition."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._chain: dict[TP, int] = {}
        """Per partition: next offset after the last slice handed on."""
        self._idle: dict[TP, int] = {}
        """Per partition: the consumer's position when there was nothing to hand on."""
        self._seeks = 0
        self._waiting_bytes = 0
        super().__init__(*args, **kwargs)
        self.settings = self.app.settings
        self.acknowledged = self.app.partitions.acknowledged

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # -- reading ------------------------------------------------------------------------------

    async def getmany(
        self,
        timeout: float,  # noqa: ASYNC109 -- the signature is Faust's
    ) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Fetch, cut into slices, hand on one after the other, topic by topic in turn."""
        seeks = self._seeks
        fetched, _ = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if self.should_stop or fetched is None:
            return
        if not fetched:
            if self._seeks == seeks:  # else the consumer may not have been sought back yet
                self._idle.update(self.thread.positions(self._chain))
            return
        pending = {tp: cut(list(records), self.settings) for tp, records in fetched.items()}
        while pending:
            for tp in list(pending):
                while self._waiting_bytes > BACKLOG_BYTES and self.flow_active:
                    await self.sleep(0.01)
                # Looked at after every wait: a rebalance may have come and gone meanwhile.
                if (
                    not self.flow_active
                    or self._seeks != seeks
                    or self.app.consumer_generation_id != generation
                ):
                    # aiokafka's position has moved past what is dropped here.
                    await self._seek_back(set(pending))
                    return
                records, size = pending[tp].pop(0)
                if not pending[tp]:
                    del pending[tp]
                yield tp, self._message(tp, records, size)

    def _message(self, tp: TP, records: Sequence[Any], size: int) -> ConsumerMessage:
        last = records[-1]
        start = self._chain.get(tp, records[0].offset)
        self._chain[tp] = last.offset + 1
        self._waiting_bytes += size
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            (last.timestamp or 0) / 1000.0,
            0,  # the timestamp's type, which nobody asks for
            [],
            None,
            Slice(start, records, size),  # type: ignore[arg-type]
            None,
            0,
            size,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    def taken(self, size: int) -> None:
        """The agent has taken a slice of ``size`` bytes off the queue."""
        self._waiting_bytes = max(0, self._waiting_bytes - size)

    async def _seek_back(self, tps: set[TP]) -> None:
        """Read again from the end of the last slice handed on."""
        await self.thread.seek_all({tp: self._chain[tp] for tp in tps if tp in self._chain})

    async def perform_seek(self) -> None:
        """After a rebalance: every partition goes on where its state ends."""
        positions: dict[TP, int] = {}
        for tp in self.assignment():
            offset = self.acknowledged(tp.topic, tp.partition)
            if offset is not None:
                positions[tp] = offset
        self._seeks += 1
        self._chain, self._idle = dict(positions), {}
        self._waiting_bytes = 0
        await self.thread.seek_all(positions)
        await self.thread.forbid_reset(True)
        for tp, offset in positions.items():
            self._read_offset[tp] = offset or None
            self._committed_offset[tp] = None

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Hand over: everything in flight is acknowledged before this returns."""
        failpoints.hit("in_revoke")
        try:
            async with asyncio.timeout(self.settings.rebalance_seconds):
                await super().on_partitions_revoked(revoked)
        except TimeoutError:
            # Faust would wait without end, and the group has given the partitions away by now.
            self.app.fate.fail(
                Fault(
                    f"appends in flight were not acknowledged within the rebalance timeout of "
                    f"{self.settings.rebalance_seconds:g} s; their slices are read again"
                )
            )
        await self.thread.forbid_reset(False)

    # -- committing ---------------------------------------------------------------------------

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Any:
        return iter(self.assignment())

    def _new_offset(self, tp: TP) -> int | None:
        """What may be committed: where the durable state ends, nothing else.

        Where the state holds everything handed on, the consumer's own position is committed,
        which also passes control records and compacted offsets at the end of the log.
        """
        self._acked.pop(tp, None)
        self._acked_index.pop(tp, None)
        offset = self.acknowledged(tp.topic, tp.partition)
        if offset is not None and offset == self._chain.get(tp):
            return max(offset, self._idle.get(tp, 0))
        return offset

    def end(self, topic: str, number: int) -> int:
        """End of the log of a partition, as the last fetch saw it; 0 before the first."""
        consumer, partition = self.thread._consumer, TopicPartition(topic, number)
        if consumer is None or partition not in consumer.assignment():
            return 0  # a rebalance is under way
        return consumer.highwater(partition) or 0

    def idle_position(self, topic: str, number: int) -> int:
        """Where reading stood when nothing was left to hand on; 0 before that was seen."""
        return self._idle.get(TP(topic, number), 0)

    def _should_commit(self, tp: TP, offset: int) -> bool:
        return offset != self._committed_offset[tp]

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        failpoints.hit("during_commit")
        return await super()._commit(offsets)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps in offsets are the log's own affair here: the chain is of slices."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """See `ConsumerThread.verify_event_path`."""

    @property
    def thread(self) -> ConsumerThread:
        """The consumer's thread, by its own type."""
        thread = self._thread
        assert isinstance(thread, ConsumerThread)
        return thread


class Producer(driver.Producer):
    """Faust's producer, idempotent: batches of a partition arrive in order or not at all."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class Transport(driver.Transport):
    """The Kafka transport made of the classes above."""

    Consumer = Consumer
    Producer = Producer


def cut(records: Sequence[Any], settings: Settings) -> list[tuple[Sequence[Any], int]]:
    """Cut fetched records into slices of at most so many records and so many bytes.

    Returns (records, bytes of their values) for each; one record always fits.
    """
    slices: list[tuple[Sequence[Any], int]] = []
    limit, most = settings.slice_bytes, settings.slice_records
    start = size = 0
    for index, record in enumerate(records):
        value = len(record.value) if record.value is not None else 0
        if index > start and (index - start >= most or size + value > limit):
            slices.append((records[start:index], size))
            start, size = index, 0
        size += value
    slices.append((records[start:], size))
    return slices
