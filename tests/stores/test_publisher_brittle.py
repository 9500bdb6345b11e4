"""A way to Redis that breaks again and again: what was written is not written from the start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from redis import Redis

from stream_app.dev.ports import HOST, free_port
from stream_app.dev.valkey import Valkey
from tests.rig.proxy import BytesProxy, Pair
from tests.stores.worker import Rig, State, equal

CUSTOMERS = 10_000
LASTS_BYTES = 3 << 19
"""Half of what they take."""


class Brittle(BytesProxy):
    """Every connection breaks after so many bytes of requests."""

    def _pumps(self, client: Pair, server: Pair) -> list[Awaitable[None]]:
        return [self._some(client[0], server[1]), self._move(server[0], client[1], late=False)]

    async def _some(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = LASTS_BYTES
        while left > 0 and (piece := await reader.read(min(left, 1 << 16))):
            left -= len(piece)
            writer.write(piece)
            await writer.drain()


async def test_a_backlog_gets_through_connections_that_are_too_short_for_it(
    valkey: Valkey, client: Redis
) -> None:
    proxy = Brittle(free_port(), f"{HOST}:{valkey.port}")
    await proxy.start()
    rig, state = Rig(f"redis://{HOST}:{proxy.port}/0"), State()
    try:
        state.buy(*[f"c-{number}" for number in range(CUSTOMERS)])
        await rig.start(state)
        await rig.settled(60.0)
        assert equal(client, state)
        assert proxy.connections > 1
        assert rig.published() == CUSTOMERS
        await rig.stop()
    finally:
        await proxy.stop()
