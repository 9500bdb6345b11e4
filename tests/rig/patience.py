"""Wait for as long as things move: a machine that has much else to do is slow, not wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


async def until_nothing_is_left(
    left: Callable[[], Awaitable[int]],
    what: Callable[[], str],
    still_seconds: float,
    every_seconds: float = 0.2,
) -> None:
    """Return once ``left()`` is 0; AssertionError, with ``what``, when it has stopped falling."""
    least, fell = await left(), time.monotonic()
    while least > 0:
        await asyncio.sleep(every_seconds)
        found = await left()
        if found < least:
            least, fell = found, time.monotonic()
        if time.monotonic() - fell > still_seconds:
            raise AssertionError(f"stuck for {still_seconds:g} s: {what()}")
