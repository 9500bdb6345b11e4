"""The customers as a Faust table, and the recovery that fills it.

The table names the changelog and is read like any other (``table["c-17"]``); writing goes
through slices only.  Faust's own recovery reads a record at a time and forgives errors; this one
claims, reads in bulk, checks where the state came from, and ends the worker on any doubt.
"""

from __future__ import annotations

import asyncio
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import TYPE_CHECKING, Any

import faust
import structlog
from aiokafka.errors import IllegalStateError
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from faust.types import TP
from mode import Service

from stream_app.core.customer import Customer
from stream_app.worker.fate import Fate
from stream_app.worker.partitions import Partitions

if TYPE_CHECKING:
    from stream_app.worker.app import LtvApp

log = structlog.get_logger(__name__)


class CustomerTable(faust.Table[str, Customer]):
    """All customers of the partitions held, by id."""

    app: LtvApp

    async def on_start(self) -> None:
        """The store is memory and the changelog exists: nothing to start."""

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Recovery has filled the partitions itself."""

    def __getitem__(self, key: str) -> Customer:
        found: Customer | None = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def get(self, key: str, default: Any = None) -> Any:
        """The customer ``key`` as folded so far, or ``default``."""
        raw = key.encode()
        for partition in self.app.partitions.held.values():
            customer = partition.customers.get(raw)
            if customer is not None:
                return customer
        return default

    def __setitem__(self, key: str, value: Customer) -> None:
        raise TypeError("customers change by events only: send one to a source topic")

    def __delitem__(self, key: str) -> None:
        raise TypeError("customers change by events only: send one to a source topic")

    def keys(self) -> KeysView[str]:
        """All ids, as of any mapping; Faust would answer from a storage that is not used here."""
        return KeysView(self)

    def values(self) -> ValuesView[Customer]:
        """All customers."""
        return ValuesView(self)

    def items(self) -> ItemsView[str, Customer]:
        """All ids with their customers."""
        return ItemsView(self)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key) is not None

    def __len__(self) -> int:
        return sum(len(one.customers) for one in self.app.partitions.held.values())

    def __iter__(self) -> Iterator[str]:
        for partition in self.app.partitions.held.values():
            yield from (key.decode() for key in partition.customers)


class BulkRecovery(Recovery):
    """Takes the partitions that a rebalance assigned, then lets the streams go on."""

    app: LtvApp

    def __init__(self, app: LtvApp, tables: TableManager, **kwargs: Any) -> None:
        super().__init__(app, tables, **kwargs)
        self._numbers: set[int] = set()

    @property
    def partitions(self) -> Partitions:
        """The partitions to fill."""
        return self.app.partitions

    @property
    def fate(self) -> Fate:
        """Whom a failed recovery is reported to."""
        return self.app.fate

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Remember what is ours from this generation on, and start taking it."""
        if generation_id != self.app.consumer_generation_id:
            return  # a newer generation is on its way
        sources = self.app.settings.source_topics
        self._numbers = {tp.partition for tp in assigned if tp.topic in sources}
        self._generation_id = generation_id
        self.signal_recovery_start.set()

    @Service.task
    async def _restart_recovery(self) -> None:
        # Whatever goes wrong here would otherwise leave a worker that is alive, owns partitions
        # and never gets ready; a cancellation from inside a client counts as going wrong.
        while not self.should_stop:
            try:
                if await self.wait_for_stopped(self.signal_recovery_start):  # type: ignore[arg-type]
                    return
                self.signal_recovery_start.clear()
                await self._recover(self._numbers, self._generation_id)
            except (RebalanceAgain, IllegalStateError):
                continue
            except ServiceStopped:
                return
            except asyncio.CancelledError as reason:
                if not self.app.should_stop:
                    self.fate.fail(reason)
                raise
            except BaseException as reason:
                self.fate.fail(reason)
                return

    async def _recover(self, numbers: set[int], generation: int) -> None:
        self._set_recovery_started()
        await self._wait(self.partitions.take(numbers))
        await self._wait(self.on_recovery_completed(generation))

    def flush_buffers(self) -> None:
        """Nothing is buffered: partitions are filled whole."""

    @Service.task
    async def _publish_stats(self) -> None:
        """Progress is a metric and a log line of `Partitions`."""


class Tables(TableManager):
    """Faust's tables, without its pause at the start and without fetching the changelog twice."""

    app: LtvApp

    @property
    def recovery(self) -> BulkRecovery:
        """The recovery of all tables here: one."""
        if self._recovery is None:
            self._recovery = BulkRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        assert isinstance(self._recovery, BulkRecovery)
        return self._recovery

    async def on_start(self) -> None:
        """Start recovery at once: it waits for the first assignment by itself."""
        await self._update_channels()
        await self.recovery.start()

    async def _update_channels(self) -> None:
        # The group does not subscribe to the changelog: recovery reads it with a consumer of its
        # own, and a paused subscription would go on being fetched.
        self._tables_finalized.set()
        self._tables_registered.set()
