"""Summaries on their way to Redis, while other things go on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from stream_app.stores import scripts
from stream_app.stores.keys import Keys
from stream_app.stores.redis import Link
from stream_app.stores.scores import ScoreStore
from stream_app.worker.publishing.follower import Follower
from stream_app.worker.publishing.summaries import Summaries
from tests.worker.records import partition

NO_LINK = cast(Link, None)


class SlowStore(ScoreStore):
    """A Redis that takes what it is given when the test says so: no real one waits at will."""

    def __init__(self) -> None:
        super().__init__(Keys("ltv:", 1))
        self.taken: list[dict[str, bytes]] = []
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def put_summaries(
        self, link: Link, gen: int, partition: int, epoch: int, values: Mapping[str, bytes]
    ) -> int:
        self.asked.set()
        await self.go.wait()
        self.taken.append(dict(values))
        return scripts.WRITTEN


class Writing:
    """One partition, and a write of its summaries that Redis has not answered yet."""

    def __init__(self) -> None:
        self.store = SlowStore()
        self.summaries = Summaries(self.store)
        self.follower = Follower(partition(), opened=True)

    async def begin(self) -> asyncio.Task[Any]:
        self.summaries.put(0, "cohorts", b"before")
        task = asyncio.create_task(self.summaries.write(NO_LINK, [self.follower]))
        await self.store.asked.wait()
        return task


async def test_what_is_said_while_redis_answers_is_written_next() -> None:
    writing = Writing()
    under_way = await writing.begin()
    writing.summaries.put(0, "cohorts", b"after")
    writing.store.go.set()
    await under_way
    for _ in range(2):
        await writing.summaries.write(NO_LINK, [writing.follower])
    assert writing.store.taken == [{"cohorts": b"before"}, {"cohorts": b"after"}]


async def test_a_partition_may_be_given_up_while_redis_answers() -> None:
    writing = Writing()
    under_way = await writing.begin()
    writing.summaries.drop(0)
    writing.store.go.set()
    await under_way
    assert writing.summaries.of(0) == {}
