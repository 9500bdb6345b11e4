"""Wait for an effect: the only way in which tests let time pass."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE_SECONDS = 60.0
"""How long an effect may take on a machine that does other things besides."""


async def eventually(
    look: Callable[[], Found | Awaitable[Found]],
    what: str | Callable[[], str],
    seconds: float = PATIENCE_SECONDS,
    every_seconds: float = 0.05,
) -> Found:
    """What ``look()`` finds, once that is true; AssertionError when it never is."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        found: Found = await seen if inspect.isawaitable(seen) else seen
        if found:
            return found
        if time.monotonic() > deadline:
            words = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {seconds:g} s: {words}")
        await asyncio.sleep(every_seconds)
