"""A shop in a real Valkey, and a server that reads it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import redis

from stream_app.serve.server import Server
from stream_app.settings import load
from tests.serve.shop import Shop, cdnow_parts

Serve = Callable[..., Any]
Environ = dict[str, str]


@pytest.fixture(scope="session")
def cdnow_shop(redis_url: str) -> Iterator[Shop]:
    """All of the sample, published once; tests do not change it."""
    client = redis.Redis.from_url(redis_url)
    made = Shop(client, f"shop-{uuid.uuid4().hex[:8]}:", parts=cdnow_parts())
    made.everybody()
    yield made
    made.close()
    client.close()


@pytest.fixture
def empty_shop(redis_url: str) -> Iterator[Shop]:
    """Nothing yet, under a prefix of the test's own."""
    client = redis.Redis.from_url(redis_url)
    made = Shop(client, f"empty-{uuid.uuid4().hex[:8]}:")
    yield made
    made.close()
    client.close()


@pytest_asyncio.fixture
async def serve(redis_url: str) -> AsyncIterator[Serve]:
    """Starts servers: of a shop, with settings; gives a client of each."""
    servers: list[Server] = []
    sessions: list[aiohttp.ClientSession] = []

    async def start(shop: Shop | None = None, **settings: str) -> aiohttp.ClientSession:
        environ = {
            "LTV_REDIS_URL": redis_url,
            "LTV_HTTP_PORT": "0",
            "LTV_AS_OF": "1998-06-30",
            "LTV_KEY_PREFIX": shop.prefix if shop else "nobody:",
            **{f"LTV_{name.upper()}": value for name, value in settings.items()},
        }
        server = Server(load(environ))
        servers.append(server)
        session = aiohttp.ClientSession(await server.start())
        sessions.append(session)
        return session

    yield start
    for session in sessions:
        await session.close()
    for server in servers:
        await server.stop()
