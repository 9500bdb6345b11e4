"""The client of asyncio programs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from redis.asyncio import Redis

from stream_app.errors import ScoreUnavailable
from stream_app.reader import connection
from stream_app.reader.blocking import FRESH_SECONDS, TIMEOUT_SECONDS, URL
from stream_app.reader.instant import unix_seconds
from stream_app.reader.knowledge import Knowledge, Stored
from stream_app.reader.reading import reading, replies
from stream_app.reader.score import Score
from stream_app.stores.keys import Keys
from stream_app.stores.redis import TROUBLE
from stream_app.stores.trouble import sentence


class AsyncScoreReader:
    """`ScoreReader` for one event loop: the same arguments, answers and errors.

    `timeout_seconds` bounds each exchange with Redis as a whole, opening a connection included.
    A client of yours is one of `redis.asyncio`.
    """

    def __init__(
        self,
        redis: str | Redis = URL,
        *,
        prefix: str = "ltv:",
        timeout_seconds: float = TIMEOUT_SECONDS,
        fresh_seconds: float = FRESH_SECONDS,
    ) -> None:
        self._shown = connection.shown(redis)
        self._owned = connection.awaiting(redis, timeout_seconds) if isinstance(redis, str) else []
        self._client = redis if not isinstance(redis, str) else self._owned[0]
        self._timeout_seconds = timeout_seconds if self._owned else None
        self._keys = Keys(prefix, 0)
        self._knowledge = Knowledge(self._keys, fresh_seconds)

    async def customer(
        self, customer_id: str, *, now: datetime | float | None = None
    ) -> Score | None:
        """A customer's scores at `now`; None where nothing is published of them."""
        return (await self.customers([customer_id], now=now))[0]

    async def customers(
        self, customer_ids: Sequence[str], *, now: datetime | float | None = None
    ) -> list[Score | None]:
        """The same of many customers in one exchange, all at the same instant, in their order."""
        steps = reading(
            self._knowledge,
            self._keys,
            customer_ids,
            now=unix_seconds(now),
            at=time.monotonic(),
        )
        try:
            keys = next(steps)
            while True:
                keys = steps.send(await self._fetch(keys))
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        except TROUBLE as error:
            raise ScoreUnavailable(sentence(error, self._shown)) from error
        except ValueError as error:
            raise ScoreUnavailable(f"{error} ({self._shown})") from error

    async def aclose(self) -> None:
        """Close the connections, unless the client is yours."""
        for client in self._owned:
            await client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _fetch(self, keys: Sequence[bytes]) -> Sequence[Stored]:
        """The hashes under these keys, in one exchange."""
        async with asyncio.timeout(self._timeout_seconds):
            if len(keys) == 1:
                only: Any = await self._client.hgetall(keys[0])
                return [only]
            pipeline = self._client.pipeline(transaction=False)
            for key in keys:
                pipeline.hgetall(key)
            return replies(await pipeline.execute(raise_on_error=False))
