"""An event loop in a thread of its own, for what must answer while the test's own loop computes.

A proxy in the loop of a judge that compares fifty thousand hashes is a network that hangs.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

Result = TypeVar("Result")


class Aside:
    """See the module; made by `aside`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="aside", daemon=True)
        self._thread.start()

    async def do(self, what: Coroutine[Any, Any, Result]) -> Result:
        """Have it done over there, and wait for the result."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(what, self._loop))

    def end(self) -> None:
        """No more is done."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=20.0)
        self._loop.close()


@asynccontextmanager
async def aside() -> AsyncIterator[Aside]:
    """Running inside, ended after."""
    there = Aside()
    try:
        yield there
    finally:
        there.end()
