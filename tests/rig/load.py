"""Send a generated log to Kafka and keep a ledger of what the broker acknowledged, and where."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any

from aiokafka import AIOKafkaProducer

from tests.core.naive_decoder import RawRecord
from tests.ledger import Ledger

OUTSTANDING = 2_000
"""Records sent and not yet acknowledged; more would only wait in memory."""


class Load:
    """A producer as a careful shop has it: all replicas, idempotent, keyed."""

    def __init__(
        self,
        brokers: str,
        topics: Mapping[str, str],
        ledger: Ledger,
        log: Iterator[RawRecord],
        stamped_now: bool,
    ) -> None:
        """``topics`` are names by role; ``log`` is what `feed` takes records from.

        Records get the clock's timestamps as live ones do, or keep their own, as loaded history.
        """
        self._stamped_now = stamped_now
        self._topics = topics
        self._ledger = ledger
        self._log = log
        self._producer = AIOKafkaProducer(
            bootstrap_servers=brokers,
            acks="all",
            enable_idempotence=True,
            linger_ms=2,
            max_request_size=2 << 20,
            request_timeout_ms=120_000,
        )
        self.acknowledged = 0
        """Records that the broker has, of all that were sent."""
        self.outstanding: Counter[int] = Counter()
        """Records sent and not yet acknowledged, by partition."""
        self.ends: dict[tuple[str, int], int] = {}
        """Offset after the last acknowledged record, by role and partition."""
        self.stopping = False
        """Set to end a `feed` before its last record."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        brokers: str,
        topics: Mapping[str, str],
        ledger: Ledger,
        log: Iterator[RawRecord],
        *,
        stamped_now: bool,
    ) -> AsyncIterator[Load]:
        """Connected inside, flushed and closed after."""
        load = cls(brokers, topics, ledger, log, stamped_now)
        try:
            await load._producer.start()
            yield load
        finally:
            await load._producer.stop()

    async def feed(self, count: int, rate: float = 0.0) -> None:
        """Send the log's next records; return when all are acknowledged.

        ``rate`` is a bound in records a second; 0 is as fast as it goes.
        """
        await self.send(islice(self._log, count), rate)

    async def send(self, records: Iterable[RawRecord], rate: float = 0.0) -> None:
        """Send these records, in order; return when all are acknowledged."""
        clock = asyncio.get_running_loop().time
        began = clock()
        waiting: set[asyncio.Future[Any]] = set()
        for sent, record in enumerate(records, 1):
            if self.stopping:
                break
            waiting.add(await self._send(record))
            if rate and sent % 20 == 0:
                await asyncio.sleep(max(0.0, began + sent / rate - clock()))
            if len(waiting) >= OUTSTANDING:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if waiting:
            await asyncio.wait(waiting)

    async def _send(self, raw: RawRecord) -> asyncio.Future[Any]:
        if self._stamped_now:
            raw = raw._replace(timestamp_ms=time.time_ns() // 1_000_000)
        partition = self._ledger.partition_for(raw)
        self.outstanding[partition] += 1
        future: asyncio.Future[Any] = await self._producer.send(
            self._topics[raw.role],
            value=raw.value,
            key=raw.key,
            partition=partition,
            timestamp_ms=raw.timestamp_ms,
            headers=list(raw.headers),
        )
        return asyncio.ensure_future(self._enter(raw, partition, future))

    async def _enter(self, raw: RawRecord, partition: int, future: asyncio.Future[Any]) -> None:
        """Enter an acknowledged record in the ledger.

        One that fails is in no ledger, and need not be in the log: `Judge.reread` looks.
        """
        try:
            sent = await future
        finally:
            self.outstanding[partition] -= 1
        assert sent.offset >= 0, "the broker did not say where a record lies"
        self._ledger.add(raw, sent.partition, sent.offset)
        key = raw.role, sent.partition
        self.ends[key] = max(self.ends.get(key, 0), sent.offset + 1)
        self.acknowledged += 1
