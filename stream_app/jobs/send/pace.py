"""Holding back to a rate, without drift: the n-th event is due n / rate seconds after the first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Pace:
    """Lets `rate` events a second through; None lets everything through at once."""

    def __init__(self, rate: float | None, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._began = clock()
        self._passed = 0

    @property
    def seconds(self) -> float:
        """Seconds since the first event could pass."""
        return self._clock() - self._began

    def slice_size(self, most: int) -> int:
        """How many events to take before waiting again: about 20 ms worth."""
        return most if self._rate is None else max(1, min(most, int(self._rate / 50)))

    async def passed(self, count: int) -> None:
        """Wait until `count` more events were due; always lets others run."""
        self._passed += count
        wait = 0.0 if self._rate is None else self._passed / self._rate - self.seconds
        await asyncio.sleep(max(0.0, wait))
