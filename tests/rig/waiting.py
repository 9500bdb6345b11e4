"""Wait for an effect: the only way in which tests let time pass."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

PATIENCE_SECONDS = 60.0
"""How long an effect may take on a machine that does other things besides."""


async def eventually(
    look: Callable[[], bool] | Callable[[], Awaitable[bool]],
    what: str | Callable[[], str],
    seconds: float = PATIENCE_SECONDS,
    every_seconds: float = 0.05,
) -> None:
    """Return once ``look()`` is true; AssertionError, with ``what``, when it never is."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if await seen if inspect.isawaitable(seen) else seen:
            return
        if time.monotonic() > deadline:
            words = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {seconds:g} s: {words}")
        await asyncio.sleep(every_seconds)
