"""Clients of redis-py that give up soon: for pages, which had rather do without a score than wait.

No greeting but what Redis demands (a password, a database), and one retry, at once, of a command
whose connection turns out to be closed: a read may be repeated. Where Sentinels are asked, they
are asked again for every connection that is opened, so that a reader follows a failover.
"""

from __future__ import annotations

from typing import Any, Final

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError
from redis.retry import Retry
from redis.sentinel import Sentinel

from stream_app.settings.declaration import url_without_password
from stream_app.stores.address import Address, address

MOST_CONNECTIONS: Final = 64
"""Open at once; a read beyond waits for one to become free, as long as it waits for Redis."""


def blocking(url: str, timeout_seconds: float) -> list[redis.Redis]:
    """A client for the URL, then those of its Sentinels; ConfigurationError where it is none."""
    where = address(url, "the URL of Redis")
    bounds = {"socket_timeout": timeout_seconds, "socket_connect_timeout": timeout_seconds}
    arguments = _arguments(where) | bounds | {"retry": Retry(NoBackoff(), 1, (ConnectionError,))}
    if where.sentinels:
        asked = Sentinel(  # type: ignore[no-untyped-call]
            where.sentinels, sentinel_kwargs=_asking(where, bounds)
        )
        client = asked.master_for(where.master, **arguments)  # type: ignore[no-untyped-call]
        return [client, *asked.sentinels]
    kind: Any = redis.Connection
    if "path" in arguments:
        kind = redis.UnixDomainSocketConnection
    elif arguments.pop("ssl", False):
        kind = redis.SSLConnection
    pool = redis.BlockingConnectionPool(  # type: ignore[no-untyped-call]
        MOST_CONNECTIONS, timeout=timeout_seconds, connection_class=kind, **arguments
    )
    return [redis.Redis.from_pool(pool)]


def awaiting(url: str, timeout_seconds: float) -> list[redis.asyncio.Redis]:
    """The same for asyncio, where the caller bounds every exchange by `asyncio.timeout`.

    redis-py would bound each write by `asyncio.wait_for`, which makes a task and before Python
    3.12 can swallow a cancellation.
    """
    where = address(url, "the URL of Redis")
    unbounded = {"socket_timeout": None, "socket_connect_timeout": None}
    arguments = (
        _arguments(where) | unbounded | {"retry": AsyncRetry(NoBackoff(), 1, (ConnectionError,))}
    )
    if where.sentinels:
        bounds = {"socket_timeout": timeout_seconds, "socket_connect_timeout": timeout_seconds}
        asked = AsyncSentinel(  # type: ignore[no-untyped-call]
            where.sentinels, sentinel_kwargs=_asking(where, bounds)
        )
        return [asked.master_for(where.master, **arguments), *asked.sentinels]
    kind: Any = redis.asyncio.Connection
    if "path" in arguments:
        kind = redis.asyncio.UnixDomainSocketConnection
    elif arguments.pop("ssl", False):
        kind = redis.asyncio.SSLConnection
    pool = redis.asyncio.BlockingConnectionPool(
        MOST_CONNECTIONS, timeout=None, connection_class=kind, **arguments
    )
    return [redis.asyncio.Redis.from_pool(pool)]


def shown(url_or_client: str | redis.Redis | redis.asyncio.Redis) -> str:
    """What messages call the server; without a password."""
    if isinstance(url_or_client, str):
        return url_without_password(url_or_client)
    told = url_or_client.connection_pool.connection_kwargs
    if "path" in told:
        return f"unix://{told['path']}"
    if "host" in told:
        return f"redis://{told['host']}:{told.get('port', 6379)}/{told.get('db', 0)}"
    return "the client's Redis"


def _arguments(where: Address) -> dict[str, Any]:
    return where.arguments | {"protocol": 2, "driver_info": None, "decode_responses": False}


def _asking(where: Address, bounds: dict[str, float]) -> dict[str, Any]:
    return {**bounds, "ssl": where.arguments.get("ssl", False)}
