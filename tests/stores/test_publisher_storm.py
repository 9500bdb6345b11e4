"""Random trouble, drawn from a seed: whatever happens, Redis ends equal and never goes back."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable

import pytest
import redis.asyncio
from redis import Redis

from stream_app.dev.valkey import Valkey
from tests.stores.worker import Rig, State, equal, until

IDS = [f"c-{number}" for number in range(400)]


class Watcher:
    """Polls positions of customers; but for a loss of all data, none may go down."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._losses = 0
        self.done = False
        self.fell: list[str] = []

    def lost(self) -> None:
        """All data are gone, so positions may begin again."""
        self._losses += 1

    async def run(self) -> None:
        # Ended by a flag: redis-py waits by asyncio.wait_for, which can swallow a cancellation.
        seen: dict[str, int] = {}
        losses = 0
        async with redis.asyncio.Redis.from_url(self._url) as client:
            while not self.done:
                for each in IDS[::20]:
                    found = await client.hget(f"ltv:{{{each}}}", "pos")
                    if losses != self._losses:
                        losses, seen = self._losses, {}
                    elif found is not None:
                        if int(found) < seen.get(each, -1):
                            self.fell.append(each)
                        seen[each] = int(found)
                await asyncio.sleep(0)


@pytest.mark.parametrize("seed", [int(os.environ.get("SEED", "7")) + place for place in range(3)])
async def test_after_any_trouble_redis_is_equal_and_nothing_went_back(
    valkey: Valkey, client: Redis, seed: int
) -> None:
    chance = random.Random(seed)
    print("seed", seed)
    rig, state, watcher = Rig(valkey.url, timeout_seconds=0.3), State(), Watcher(valkey.url)
    await rig.start(state)
    watching = asyncio.create_task(watcher.run())

    async def lose_everything() -> None:
        client.flushall()
        watcher.lost()

    async def lose_positions() -> None:
        client.delete(chance.choice(["ltv:published:1", "ltv:epoch:1", "ltv:gen"]))

    async def freeze() -> None:
        valkey.pause()
        await asyncio.sleep(chance.choice([0.05, 0.5]))
        valkey.resume()

    async def restart_worker() -> None:
        nonlocal rig, state
        await rig.crash()
        rig, state = Rig(valkey.url, timeout_seconds=0.3), state.recovered()
        await rig.start(state)

    async def fill_memory() -> None:
        client.config_set("maxmemory", "1")
        await asyncio.sleep(0.1)
        client.config_set("maxmemory", "0")

    troubles: list[Callable[[], object]] = [
        lose_everything,
        lose_positions,
        freeze,
        restart_worker,
        restart_worker,
        fill_memory,
    ]
    for _ in range(25):
        for _ in range(chance.randrange(20)):
            state.buy(*chance.sample(IDS, chance.randrange(1, 50)))
            await asyncio.sleep(chance.choice([0, 0.002, 0.01]))
        trouble = chance.choice(troubles)()
        assert asyncio.iscoroutine(trouble)
        await trouble
    await until(lambda: rig.publisher.settled)
    await asyncio.sleep(0.3)  # one more look
    await until(lambda: rig.publisher.settled)
    assert equal(client, state)
    watcher.done = True
    await watching
    assert watcher.fell == []
    await rig.stop()
