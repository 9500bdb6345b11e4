"""Whether Redis takes what we write: said once in a sentence, shown as a gauge, tried again."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from stream_app.metrics import Metrics
from stream_app.stores.trouble import sentence

log = structlog.get_logger(__name__)

RETRY_SECONDS: Final = (0.1, 2.0)
"""First and longest pause between attempts to reach Redis."""


class RedisHealth:
    """What was last seen of Redis, and how long to wait before the next attempt."""

    def __init__(self, shown_url: str, metrics: Metrics) -> None:
        self._shown_url = shown_url
        self._metrics = metrics
        self._said = ""
        self._pause = RETRY_SECONDS[0]

    def bad(self, error: BaseException, *, backlog: int) -> None:
        """Say what is wrong, once for as long as it stays the same."""
        self._metrics.set("ltv_redis_up", 0)
        said = sentence(error, self._shown_url)
        if said != self._said:
            log.warning("redis is in trouble; scores wait", trouble=said, customers=backlog)
        self._said = said

    def good(self, *, backlog: int) -> None:
        """Redis takes what we write."""
        self._metrics.set("ltv_redis_up", 1)
        self._pause = RETRY_SECONDS[0]
        if self._said:
            log.info("redis is back", customers=backlog)
        self._said = ""

    async def rest(self, stopping: asyncio.Event) -> None:
        """Pause before the next attempt, longer each time; a stop ends it."""
        try:
            async with asyncio.timeout(self._pause):
                await stopping.wait()
        except TimeoutError:
            self._pause = min(self._pause * 2, RETRY_SECONDS[1])
