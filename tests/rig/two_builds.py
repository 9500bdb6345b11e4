"""Two builds on one stage that score differently, so that every hash tells whose it is.

A hash belongs to the build that its `gen` was published by, and must be, field by field, what that
build makes of the state that its changelog had at the hash's `pos`: a field of the other build, or
of another version of the customer, is a mix.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import orjson
import redis
from aiokafka import TopicPartition

from stream_app.jobs.builds.redis_link import publication_store
from stream_app.jobs.changelog_reader import ChangelogView, read_on
from stream_app.jobs.verification.rescoring import Rescoring
from stream_app.settings import Settings, load
from stream_app.stores.log_reader import LogReader
from stream_app.stores.publication import Publication
from stream_app.wire.state import decode
from tests.core.naive_decoder import RawRecord
from tests.rig.stage import Stage, Stages
from tests.rig.waiting import PATIENCE_SECONDS, eventually

FIRST = {"PARTITIONER": "trust", "MAX_VALUE": "2048"}
"""Build 1 knows customers whose records lie where they should not, and no long records."""
SECOND = {"BUILD": "2", "LIFESPAN_YEARS": "5", "TIER_FORMULA_DAYS": "3/9"}
"""Build 2 the other way round, and scores are others."""
APART = frozenset({"gen", "rfm", "value_rank"})
"""Fields that do not follow from one customer's state alone."""

Hash = tuple[tuple[str, str], ...]


def one_stage(
    stages: Stages, publish_batch: str = "200", partitions: str = "4"
) -> AbstractAsyncContextManager[Stage]:
    """A stage for both builds; the generated logs begin three weeks before the day of scores."""
    return stages.open(
        AS_OF="2022-02-01",
        PUBLISH_CHECK="0.2",
        SLICE_RECORDS="100",
        PUBLISH_BATCH=publish_batch,
        PARTITIONS=partitions,
    )


class Readers:
    """Reads whole hashes all the time, as a storefront does, and keeps every one that is new."""

    def __init__(self, url: str, keys: Mapping[str, str]) -> None:
        """`keys`: customers and where their hashes are."""
        self._url, self._keys = url, keys
        self.seen: dict[str, dict[Hash, None]] = {customer: {} for customer in keys}
        self.backwards: list[str] = []
        self.looks = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, name="readers", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join(timeout=20.0)

    def _read(self) -> None:
        newest: dict[str, tuple[int, int]] = {}
        with redis.Redis.from_url(self._url, decode_responses=True) as client:
            while not self._stopping.wait(0.01):
                with client.pipeline(transaction=False) as pipe:
                    for key in self._keys.values():
                        pipe.hgetall(key)
                    answers = pipe.execute()
                for customer, found in zip(self._keys, answers, strict=True):
                    if found:
                        self._enter(customer, found, newest)
                self.looks += 1

    def _enter(
        self, customer: str, found: dict[str, str], newest: dict[str, tuple[int, int]]
    ) -> None:
        self.seen[customer][tuple(sorted(found.items()))] = None
        shown = int(found["gen"]), int(found["pos"])
        if shown < newest.get(customer, shown):
            self.backwards.append(f"{customer} went from {newest[customer]} back to {shown}")
        newest[customer] = max(shown, newest.get(customer, shown))

    def values(self, name: str) -> dict[int, set[str]]:
        """By generation every value that one field was seen to have."""
        found: dict[int, set[str]] = {}
        for hashes in self.seen.values():
            for one in map(dict, hashes):
                found.setdefault(int(one["gen"]), set()).add(one.get(name, ""))
        return found


@dataclass
class TwoBuilds:
    """The settings of both, and what each must show."""

    stage: Stage
    first: Mapping[str, str] = field(default_factory=FIRST.copy)
    second: Mapping[str, str] = field(default_factory=SECOND.copy)
    settings: dict[int, Settings] = field(init=False)

    def __post_init__(self) -> None:
        given = {1: self.first, 2: self.second}
        self.settings = {
            build: load({f"LTV_{k}": v for k, v in {**self.stage.variables, **own}.items()})
            for build, own in given.items()
        }

    def readers(self, customers: Iterable[str]) -> Readers:
        """Readers of these customers' hashes."""
        key_of = self.stage.judge.key_of
        return Readers(self.stage.valkey.url, {one: key_of(one) for one in customers})

    async def send_odd_ones(self, count: int) -> None:
        """Customers whom only build 1 takes (a wrong partition), and whom only build 2 does."""
        odd = [_purchase(f"stray-{number}", "") for number in range(count)]
        odd += [_purchase(f"long-{number}", "x" * 4_000) for number in range(count)]
        await self.stage.load.send(odd)

    async def customers(self, build: int) -> dict[str, int]:
        """Everybody whom a build knows, with the offset of the newest state."""
        views = await self._views(build, ())
        return {
            key.decode(): version.pos for view in views for key, version in view.customers.items()
        }

    async def settled(self, build: int, gen: int) -> set[str]:
        """Wait until Redis shows exactly what a build knows, under one generation; who that is."""
        wrong: list[str] = []

        async def is_so() -> bool:
            known = await self.customers(build)
            prefix = self.stage.judge.key_of("").removesuffix("}")
            keys = [key.decode() for key in self.stage.store.scan_iter(f"{prefix}*", count=1000)]
            with self.stage.store.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.hmget(key, "gen", "pos")
                shown = dict(zip(keys, pipe.execute(), strict=True))
            found = {
                key.removeprefix(prefix)[:-1]: (int(gen), int(pos))
                for key, (gen, pos) in shown.items()
            }
            wanted = {customer: (gen, pos) for customer, pos in known.items()}
            wrong[:] = [
                f"{one}: {found.get(one)}, should be {wanted.get(one)}"
                for one in sorted(found.keys() | wanted.keys())
                if found.get(one) != wanted.get(one)
            ]
            return not wrong

        await eventually(
            is_so,
            lambda: f"Redis shows build {build}, gen {gen}; {len(wrong)} differ: {wrong[:5]}",
            2 * PATIENCE_SECONDS,
            every_seconds=0.5,
        )
        return set(await self.customers(build))

    async def mixed(self, readers: Readers, builds: Mapping[int, int]) -> list[str]:
        """Every hash seen that is not, in all fields, one build's; `builds` says whose a gen is."""
        watched = {customer.encode() for customer in readers.seen}
        views = {build: await self._views(build, watched) for build in set(builds.values())}
        scores = {build: Rescoring(settings) for build, settings in self.settings.items()}
        found: list[str] = []
        for customer, hashes in readers.seen.items():
            for one in map(dict, hashes):
                build = builds[int(one["gen"])]
                what = _mixed(customer, one, views[build], scores[build])
                if what is not None:
                    found.append(f"{customer}, build {build}: {what} in {one}")
        return found

    async def _views(self, build: int, followed: Iterable[bytes]) -> list[ChangelogView]:
        settings = self.settings[build]
        log = LogReader(settings)
        await log.start()
        try:
            views = [ChangelogView(number) for number in range(settings.partitions)]
            topic = settings.changelog_topic
            ends = await log.ends([TopicPartition(topic, view.number) for view in views])
            for view in views:
                if followed:
                    view.follow(set(followed))
                await read_on(log, topic, view, ends[TopicPartition(topic, view.number)])
            return views
        finally:
            await log.stop()

    async def publication(self) -> Publication:
        """Who publishes now."""
        async with publication_store(self.settings[1]) as store:
            return await store.read()

    async def command(self, *words: str, **variables: str) -> tuple[int, str]:
        """`ltv` with these words in a process of its own: its exit code, and all it said."""
        environ = {key: value for key, value in os.environ.items() if not key.startswith("LTV_")}
        given = {f"LTV_{k}": v for k, v in (self.stage.variables | variables).items()}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "stream_app", *words),
            env=environ | given,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode()


def _purchase(customer: str, ballast: str) -> RawRecord:
    event = {
        "type": "purchase",
        "event_id": f"e-{customer}",
        "customer_id": customer,
        "order_id": f"o-{customer}",
        "occurred_at": "2022-01-09T12:00:00Z",
        "amount": "12.50",
        "currency": "USD",
        "ballast": ballast,
    }
    return RawRecord("purchases", customer.encode(), orjson.dumps(event), 0)


def _mixed(
    customer: str, found: dict[str, str], views: Sequence[ChangelogView], scores: Rescoring
) -> str | None:
    """The first field that is not what the build made of the state at the hash's `pos`."""
    state: Any = None
    for view in views:
        key, body = view.history.get(int(found["pos"]), (None, b""))
        if key == customer.encode():
            state = decode(body)
            state.pos = int(found["pos"])
    if state is None:
        return "no such version"
    (expected,) = scores.fields([(found, state)])
    if isinstance(expected, str):
        return expected
    for name in sorted((found.keys() | expected.keys()) - APART):
        if found.get(name) != expected.get(name):
            return f"{name} should be {expected.get(name)!r}"
    return None
