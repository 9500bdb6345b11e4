"""Say about once a second how each partition held is doing: for the overview of `ltv serve`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Final

from stream_app.stores.keys import STATUS
from stream_app.wire.status import Counts, Status, encode_status
from stream_app.worker.partition import Partition
from stream_app.worker.publishing.publisher import Publisher

SECONDS: Final = 1.0
REMEMBERED_SECONDS: Final = 5.0
"""The rate shown is about that of the last seconds."""


class Reporter:
    """Measures and says it."""

    def __init__(
        self,
        held: Callable[[], dict[int, Partition]],
        lag: Callable[[int], dict[str, int]],
        publisher: Publisher,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`lag`: records behind by topic of a partition. `clock`: Unix seconds."""
        self._held = held
        self._lag = lag
        self._publisher = publisher
        self._clock = clock
        self._worker = f"{os.uname().nodename}:{os.getpid()}"
        self._rates: dict[int, _Rate] = {}

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            self.report()
            await asyncio.sleep(SECONDS)

    def report(self) -> None:
        """Say how every partition is doing now."""
        now, held = self._clock(), self._held()
        self._rates = {number: self._rates.get(number) or _Rate() for number in held}
        for number, partition in held.items():
            status = self._status(number, partition, now)
            self._publisher.summarize(number, STATUS, encode_status(status))

    def _status(self, number: int, partition: Partition, now: float) -> Status:
        sources = partition.watermark.sources
        events = {
            topic: Counts(one.applied, one.duplicate, one.refused) for topic, one in sources.items()
        }
        read = sum(one.applied + one.duplicate + one.refused for one in events.values())
        scoring = self._publisher.scoring
        parameters = scoring.parameters if scoring is not None else None
        return Status(
            at=round(now, 3),
            worker=self._worker,
            customers=len(partition.customers),
            events=events,
            events_per_second=round(self._rates[number].of(read, now), 2),
            lag=self._lag(number),
            behind=len(partition.dirty),
            late_seconds=partition.late_seconds,
            model=parameters.id if parameters is not None else None,
        )


class _Rate:
    """Records a second, over the last few seconds."""

    def __init__(self) -> None:
        self._marks: list[tuple[float, int]] = []

    def of(self, count: int, now: float) -> float:
        """The rate when so many have been counted by now."""
        self._marks.append((now, count))
        while len(self._marks) > 2 and now - self._marks[1][0] >= REMEMBERED_SECONDS:
            self._marks.pop(0)
        (began, before), (_, after) = self._marks[0], self._marks[-1]
        return max(0.0, (after - before) / (now - began)) if now > began else 0.0
