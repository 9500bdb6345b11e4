"""How long the state stood still while there was something to fold.

**Unavailability** of a partition is a time during which records were waiting and the position that
its watermarks tell did not move, as seen by a reader of the changelog who looks every 0.2 s.
Records wait from the moment the load hands them to its producer, so that a broker that is away
counts as well as a worker that is; a record that nobody has sent keeps nobody waiting.  It begins
to count with a partition's first watermark: what lies there before the first worker ever comes is
no outage.  Where the reader itself can see nothing, nothing has moved.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable

from aiokafka.errors import KafkaError

from stream_app.errors import Fault

LOOK_SECONDS = 0.2
STOP_SECONDS = 5.0


class Pulse:
    """Looks, from a task of its own, and keeps the longest standstill of any partition."""

    def __init__(
        self,
        partitions: Iterable[int],
        position: Callable[[int], object],
        waiting: Callable[[int], bool],
    ) -> None:
        """``position`` tells what moves (None before the first), ``waiting`` if anything does."""
        self._position = position
        self._waiting = waiting
        self._last: dict[int, object] = dict.fromkeys(partitions)
        self._since: dict[int, float] = {}
        self.longest_seconds = 0.0
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def start(self, look: Callable[[], Awaitable[None]]) -> None:
        """Begin; ``look`` makes the positions new."""
        self._task = asyncio.ensure_future(self._watch(look))

    async def stop(self) -> None:
        """Look no more; a look under way comes to its end, if it does."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=STOP_SECONDS)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self, look: Callable[[], Awaitable[None]]) -> None:
        while not self._stopping.is_set():
            # A server that is away is what some tests are about: then nothing is seen to move.
            with contextlib.suppress(KafkaError, Fault, OSError, TimeoutError):
                await look()
            self.beat(time.monotonic())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._stopping.wait()

    def beat(self, now: float) -> None:
        """Judge by what is known now."""
        for number, last in self._last.items():
            position = self._position(number)
            if position is None:
                continue
            if position != last or not self._waiting(number):
                self._last[number] = position
                self._since[number] = now
            else:
                since = self._since.setdefault(number, now)
                self.longest_seconds = max(self.longest_seconds, now - since)
