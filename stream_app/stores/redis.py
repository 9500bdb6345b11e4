"""One connection to Redis for a publisher: commands packed by hiredis, replies read in order.

The pipeline of `redis.asyncio` packs each argument in Python, 10-20 us a command; `hiredis` does it
in C. Whatever goes wrong on a connection closes it: replies still under way then belong to nobody,
and opening another checks from scratch what Redis still has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import hiredis
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.exceptions import NoPermissionError, RedisError

from stream_app.errors import ConfigurationError
from stream_app.stores.address import Address

Argument = bytes | str

TIMEOUT_SECONDS: Final = 5.0
"""How long Redis may take to answer. A script call of ours runs 4 ms; five seconds of silence are
a server that is stopped or gone."""

TROUBLE: Final = (RedisError, OSError, TimeoutError, EOFError)
"""What a server that is away, or in trouble, raises here."""


def packed(command: Sequence[Argument]) -> bytes:
    """A command as Redis reads it, made in C."""
    made: bytes = hiredis.pack_command(tuple(command))  # type: ignore[arg-type]
    return made


@dataclass(frozen=True)
class Server:
    """What a server says about itself; empty where this user may not ask."""

    run_id: str
    """Another one: the process was restarted, or it is another server."""
    eviction: str
    """Its maxmemory-policy."""


class Link:
    """An open connection. Every method raises one of `TROUBLE` when Redis is in trouble."""

    def __init__(self, connection: AbstractConnection, timeout_seconds: float) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds

    @classmethod
    async def open(cls, where: Address, timeout_seconds: float = TIMEOUT_SECONDS) -> Link:
        """Connect, authenticate and choose the database."""
        arguments = dict(await where.locate(timeout_seconds))
        kind: type[AbstractConnection] = Connection
        if arguments.pop("ssl", False):
            kind = SSLConnection
        elif "path" in arguments:
            kind = UnixDomainSocketConnection
        # Its own timeouts go through asyncio.wait_for, which before Python 3.12 can swallow a
        # cancellation and makes a task for every command; ours are around it instead.
        connection = kind(**arguments, socket_timeout=None, socket_connect_timeout=None, protocol=2)
        async with asyncio.timeout(timeout_seconds):
            await connection.connect()  # type: ignore[no-untyped-call]
        return cls(connection, timeout_seconds)

    async def send(self, commands: bytes) -> None:
        """Send commands already packed; the replies are read one by one, in order."""
        async with asyncio.timeout(self._timeout_seconds):
            await self._connection.send_packed_command(commands, check_health=False)

    async def reply(self) -> Any:
        """The next reply; an error reply is raised."""
        async with asyncio.timeout(self._timeout_seconds):
            return await self._connection.read_response(disable_decoding=True)

    async def call(self, *command: Argument) -> Any:
        """Send one command and read its reply."""
        await self.send(packed(command))
        return await self.reply()

    async def load(self, scripts: Iterable[bytes]) -> None:
        """Have the server keep our scripts; it forgets them when it restarts."""
        for script in scripts:
            await self.call(b"SCRIPT", b"LOAD", script)

    async def server(self) -> Server:
        """Run id and eviction policy."""
        return Server(await self._told("server", b"run_id"), await self._eviction())

    async def run_id(self) -> str:
        """The server's run id; empty where this user may not ask."""
        return await self._told("server", b"run_id")

    async def close(self) -> None:
        """Hang up; never raises."""
        try:
            await self._connection.disconnect(nowait=True)
        except TROUBLE:
            return

    async def _eviction(self) -> str:
        try:
            _, policy = await self.call(b"CONFIG", b"GET", b"maxmemory-policy")
            return bytes(policy).decode()
        except (RedisError, ValueError):  # not allowed, or a hosted Redis without CONFIG
            return await self._told("memory", b"maxmemory_policy")

    async def _told(self, section: str, name: bytes) -> str:
        try:
            told: bytes = await self.call(b"INFO", section)
        except NoPermissionError:
            return ""
        for line in told.splitlines():
            field, _, value = line.partition(b":")
            if field == name:
                return value.decode()
        return ""


def refuse_eviction(server: Server, *, allowed: bool) -> None:
    """Refuse a server that would throw scores away when memory is short.

    >>> refuse_eviction(Server("", "noeviction"), allowed=False)
    >>> refuse_eviction(Server("", "allkeys-lru"), allowed=True)
    """
    if server.eviction not in ("", "noeviction") and not allowed:
        raise ConfigurationError(
            f"Redis has maxmemory-policy {server.eviction}: it would evict scores, and an evicted"
            " score does not come back by itself; set noeviction, or LTV_ALLOW_EVICTION=true"
        )
