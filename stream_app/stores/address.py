"""Where Redis is: a URL of redis-py, or of a Sentinel that knows the master.

`redis+sentinel://user:password@host:26379,host:26379/name/0` asks the Sentinels for the master
called `name` each time a connection is opened; user and password are the master's. With
`rediss+sentinel` both talk TLS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.asyncio.connection import parse_url
from redis.asyncio.sentinel import Sentinel
from redis.sentinel import Sentinel as BlockingSentinel

from stream_app.errors import ConfigurationError

SENTINEL_PORT = 26379


@dataclass(frozen=True)
class Address:
    """A parsed URL: how to reach the server, or the Sentinels to ask for it."""

    arguments: dict[str, Any]
    """Arguments of a redis-py connection; without host and port where Sentinels are asked."""
    sentinels: tuple[tuple[str, int], ...] = ()
    master: str = ""

    async def locate(self, timeout_seconds: float) -> dict[str, Any]:
        """The arguments of a connection to the server that is master now."""
        if not self.sentinels:
            return self.arguments
        asked = Sentinel(  # type: ignore[no-untyped-call]
            self.sentinels, **self._asking(timeout_seconds)
        )
        try:
            host, port = await asked.discover_master(self.master)
        finally:
            for client in asked.sentinels:
                await client.aclose()
        return {**self.arguments, "host": host, "port": port}

    def locate_now(self, timeout_seconds: float) -> dict[str, Any]:
        """The same for a program that may wait."""
        if not self.sentinels:
            return self.arguments
        asked = BlockingSentinel(  # type: ignore[no-untyped-call]
            self.sentinels, **self._asking(timeout_seconds)
        )
        host, port = asked.discover_master(self.master)  # type: ignore[no-untyped-call]
        return {**self.arguments, "host": host, "port": port}

    def _asking(self, timeout_seconds: float) -> dict[str, Any]:
        return {
            "socket_timeout": timeout_seconds,
            "sentinel_kwargs": {
                "socket_timeout": timeout_seconds,
                "ssl": self.arguments.get("ssl", False),
            },
        }


def address(url: str, called: str = "LTV_REDIS_URL") -> Address:
    """Parse a URL; a ConfigurationError says what is wrong with what is `called` so.

    >>> address("redis+sentinel://h1,h2:1234/mymaster/3").sentinels
    (('h1', 26379), ('h2', 1234))
    >>> address("redis+sentinel://h1,h2:1234/mymaster/3").arguments
    {'db': 3}
    """
    try:
        scheme = url.partition("://")[0]
        if scheme.endswith("+sentinel"):
            return _sentinel_address(url, tls=scheme.startswith("rediss"))
        arguments: dict[str, Any] = dict(parse_url(url))
        if "connection_class" in arguments and scheme == "rediss":
            del arguments["connection_class"]
            arguments["ssl"] = True
        elif scheme == "unix":
            del arguments["connection_class"]
        return Address(arguments)
    except ValueError as error:
        raise ConfigurationError(f"{called} can't be read: {error}") from None


def _sentinel_address(url: str, *, tls: bool) -> Address:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    name, _, database = parts.path.strip("/").partition("/")
    if not name:
        raise ValueError("the name of the master is missing: redis+sentinel://host:26379/name/0")
    arguments: dict[str, Any] = {"db": int(database or 0), **dict(parse_qsl(parts.query))}
    if parts.username:
        arguments["username"] = unquote(parts.username)
    if parts.password:
        arguments["password"] = unquote(parts.password)
    if tls:
        arguments["ssl"] = True
    return Address(arguments, tuple(_host_and_port(each) for each in place.split(",")), name)


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.partition(":")
    return host, int(port or SENTINEL_PORT)
