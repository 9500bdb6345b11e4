"""What workers have published, read from Redis without waiting long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeVar

from redis.asyncio import Redis

from stream_app.errors import NotFound, Unreachable
from stream_app.reader import connection
from stream_app.settings import Settings
from stream_app.settings.declaration import url_without_password
from stream_app.stores.keys import Keys
from stream_app.stores.redis import TROUBLE
from stream_app.stores.trouble import sentence

T = TypeVar("T")

TIMEOUT_SECONDS: Final = 2.0
"""How long Redis may take: people wait for a page, and a shop that can't asks Redis itself."""


class Generation(NamedTuple):
    """Which publication is in use."""

    build: int
    gen: int


class Publication:
    """Reads one prefix; `close` it in the end. Errors of Redis come out as `Unreachable`."""

    def __init__(self, settings: Settings) -> None:
        self.keys = Keys(settings.key_prefix, settings.build)
        self.shown = url_without_password(settings.redis_url)
        self._prefix = settings.key_prefix
        self._clients = connection.awaiting(settings.redis_url, TIMEOUT_SECONDS)

    @property
    def client(self) -> Redis:
        """For a reader of scores to share."""
        return self._clients[0]

    async def bounded(self, work: Callable[[], Awaitable[T]]) -> T:
        """Talk to Redis, within the time allowed."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await work()
        except TROUBLE as error:
            raise Unreachable(sentence(error, self.shown)) from error

    async def ping(self) -> None:
        """Nothing, where Redis answers."""

        async def ask() -> None:
            await self.client.execute_command("PING")  # type: ignore[no-untyped-call]

        await self.bounded(ask)

    async def hashes(self, *names: bytes) -> list[dict[bytes, bytes]]:
        """What stands under each key, in one exchange; empty where there is nothing."""

        async def ask() -> list[Any]:
            pipeline = self.client.pipeline(transaction=False)
            for name in names:
                pipeline.hgetall(name)
            return await pipeline.execute()

        return await self.bounded(ask)

    async def field(self, name: bytes, field: bytes) -> bytes | None:
        """One field of a hash."""

        async def ask() -> bytes | None:
            found: bytes | None = await self.client.execute_command(  # type: ignore[no-untyped-call]
                "HGET", name, field
            )
            return found

        return await self.bounded(ask)

    async def generation(self) -> Generation:
        """The publication in use; NotFound where nobody has published."""
        (found,) = await self.hashes(self.keys.gen)
        if b"build" not in found or b"gen" not in found:
            raise NotFound(
                f"Nothing is published under {self._prefix!r} at {self.shown}: a worker publishes"
                " within seconds of its start."
            )
        return Generation(int(found[b"build"]), int(found[b"gen"]))

    async def summaries(self, *names: str) -> list[dict[int, bytes]]:
        """What the partitions of the publication in use say of themselves (`keys.SUMMARIES`)."""
        _, gen = await self.generation()
        found = await self.hashes(*(self.keys.summary(name, gen) for name in names))
        return [{int(number): value for number, value in each.items()} for each in found]

    def nothing(self, what: str) -> NotFound:
        """That something is not published yet."""
        return NotFound(
            f"No {what} published under {self._prefix!r} at {self.shown} yet: a worker publishes"
            " within seconds of its start."
        )

    async def close(self) -> None:
        """Hang up."""
        for client in self._clients:
            await client.aclose()
