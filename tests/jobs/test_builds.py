"""Builds listed, refused and removed, on a real Kafka and a real Valkey; no worker runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from redis import Redis

from stream_app.cli import ltv
from stream_app.cli.group import outcome
from stream_app.core.customer import Customer
from stream_app.errors import ConfigurationError, Incomplete, NotFound, NotReady
from stream_app.jobs.builds import readiness
from stream_app.jobs.builds.cut_over import Order, Report, cut_over
from stream_app.jobs.builds.delete import delete, removable
from stream_app.jobs.builds.known import builds_among, topic_counts
from stream_app.jobs.builds.listing import Listed, lines, listed
from stream_app.jobs.builds.readiness import Demands
from stream_app.jobs.builds.redis_link import publication_store
from stream_app.jobs.builds.settling import wait_until_published
from stream_app.settings import Settings, load
from stream_app.stores.groups import delete_group, describe_group
from stream_app.stores.log_reader import LogReader
from stream_app.stores.published import Published, encode
from stream_app.stores.topics import admin_client
from stream_app.wire.state import encode as encode_state
from tests.jobs.changelogs import Changelog
from tests.jobs.conftest import Environ
from tests.jobs.records import purchase
from tests.rig.waiting import eventually

PARTITIONS = 3

Captured = pytest.CaptureFixture[str]


@dataclass
class Yard:
    """Two builds of the same topics, both whole; build 1 publishes."""

    settings: Settings
    redis: Redis
    one: Changelog
    two: Changelog

    def key(self, name: str) -> str:
        """A key of ours."""
        return f"{self.settings.key_prefix}{name}"

    def publishes(self, build: int, gen: int) -> None:
        """As its worker would have left it: every partition shown under the generation."""
        self.redis.hset(self.key("gen"), mapping={"build": build, "gen": gen})
        self.shown(build, gen)

    def shown(self, build: int, gen: int, partitions: int = PARTITIONS) -> None:
        """So many partitions are published whole."""
        for number in range(partitions):
            value = encode(Published(1, gen=gen, scoring="formula", swept=1, run_id="x"))
            self.redis.hset(self.key(f"published:{build}"), str(number), value)

    def registered(self, build: int) -> None:
        """A worker of the build has opened every partition."""
        for number in range(PARTITIONS):
            self.redis.hset(self.key(f"epoch:{build}"), str(number), 1)

    async def send(self, name: str, count: int) -> int:
        """Purchases in the topic of the customer's partition, which is returned."""
        number = self.one.partition_of(name.encode())
        for event in range(count):
            value = purchase(f"e-{name}-{event}", "1.00", "2024-03-18", customer=name)
            await self.one.send(self.settings.topic_purchases, number, name.encode(), value)
        return number

    async def refused(self, to: int = 2, **demands: Any) -> NotReady:
        """Why a cut-over is refused; nothing may have been changed by it."""
        before = self.redis.hgetall(self.key("gen"))
        with pytest.raises(NotReady) as raised:
            await self.ordered(to, **demands)
        assert self.redis.hgetall(self.key("gen")) == before
        return raised.value

    async def ordered(self, to: int | None, *, dry_run: bool = False, **demands: Any) -> Report:
        """Cut over."""
        order = Order(to, Demands(**demands), dry_run=dry_run)
        return await cut_over(self.settings, order)

    async def listed(self) -> dict[int, Listed]:
        """What `ltv builds` knows, by number."""
        _, builds = await listed(self.settings)
        return {one.build: one for one in builds}


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def yard(own_environ: Environ, redis: Redis) -> AsyncIterator[Yard]:
    settings = load(own_environ)
    changelogs = [
        await Changelog.open(replace(settings, build=1)),
        await Changelog.open(replace(settings, build=2)),
    ]
    made = Yard(settings, redis, *changelogs)
    for changelog in changelogs:
        await changelog.write(b"c-1", encode_state(Customer()))
        await changelog.mark_all()
    made.publishes(1, 1)
    try:
        yield made
    finally:
        for changelog in changelogs:
            await changelog.close()


@asynccontextmanager
async def member(settings: Settings, build: int) -> AsyncIterator[None]:
    """Somebody alive in a build's group, as a worker is."""
    group = replace(settings, build=build).group
    consumer = AIOKafkaConsumer(
        settings.topic_purchases, bootstrap_servers=settings.brokers, group_id=group
    )
    await consumer.start()
    try:
        async with admin_client(settings) as admin:

            async def alive() -> bool:
                return (await describe_group(admin, group)).alive

            await eventually(alive, "the group has its member")
        yield
    finally:
        await consumer.stop()


async def test_builds_are_listed_with_size_lag_and_what_redis_shows(yard: Yard) -> None:
    number = await yard.send("c-1", 4)
    await yard.one.mark(number, {yard.settings.topic_purchases: 3})
    async with member(yard.settings, 2):
        found = await yard.listed()
    assert list(found) == [1, 2]
    one, two = found.values()
    assert (one.partitions, one.records, one.members, one.lag) == (3, 3 + 1 + 3 + 1, 0, 1)
    assert (two.members, two.state, two.lag) == (1, "Stable", 4)
    assert one.publishes
    assert not two.publishes
    # Published up to offset 1 each: the claim.
    assert sum(value["behind"] for value in one.published.values()) == one.records - PARTITIONS
    publication, builds = await listed(yard.settings)
    text = list(lines(publication, builds))
    assert text[1].startswith("*     1")
    assert "publishes, gen 1: all but" in text[1]
    assert text[2].endswith("not published")


async def test_a_watermark_far_from_the_end_is_found(yard: Yard) -> None:
    number = yard.one.partition_of(b"c-1")
    for _ in range(70):
        await yard.one.claim(number)
    assert (await yard.listed())[1].stateless == 0


async def test_a_build_that_is_not_there_is_named_beside_those_that_are(yard: Yard) -> None:
    with pytest.raises(NotFound, match="There is no build 7; there are 1 and 2"):
        await yard.ordered(7)
    with pytest.raises(NotFound, match="There is no build 7"):
        await removable(yard.settings, 7)


async def test_a_build_without_state_is_not_ready(yard: Yard) -> None:
    three = await Changelog.open(replace(yard.settings, build=3))
    await three.mark(0)
    assert "no state in partition 1 yet" in str(await yard.refused(3))
    await three.close()


async def test_an_unfinished_build_is_not_ready(yard: Yard) -> None:
    await yard.two.mark_unfinished(1)
    assert "Build 2 is unfinished" in str(await yard.refused())
    assert [one.unfinished for one in (await yard.listed()).values()] == [False, True]
    assert "  unfinished  " in list(lines(*await listed(yard.settings)))[2]


async def test_a_build_that_lags_is_not_ready(yard: Yard) -> None:
    await yard.send("c-1", 3)
    assert "has 3 records still to read, and 2 are allowed" in str(await yard.refused(max_lag=2))
    assert "No worker of build 2 is alive" in str(await yard.refused(max_lag=3))


async def test_a_build_without_a_worker_at_this_redis_is_not_ready(yard: Yard) -> None:
    assert "No worker of build 2 is alive" in str(await yard.refused())
    async with member(yard.settings, 2):
        assert "has asked this Redis about partition 0" in str(await yard.refused())
        yard.registered(2)
        report = await yard.ordered(2, dry_run=True)
    assert (report.gen, report.before, report.switched, report.dry_run) == (2, 1, True, True)
    assert yard.redis.hgetall(yard.key("gen")) == {b"build": b"1", b"gen": b"1"}


async def test_a_build_that_knows_less_than_was_published_is_not_ready(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What it lacks will not come here: the wait for it is cut short.
    monkeypatch.setattr(readiness, "CATCH_UP_SECONDS", 0.3)
    number = await yard.send("c-1", 3)
    await yard.one.mark(number, {yard.settings.topic_purchases: 3})
    await yard.two.mark(number, {yard.settings.topic_purchases: 1})
    why = str(await yard.refused(force=True))
    assert "lacks 2 records that build 1 has published" in why


async def test_a_build_of_other_topics_has_to_be_wanted(yard: Yard) -> None:
    await yard.send("c-1", 3)
    other = replace(
        yard.settings,
        build=3,
        topic_purchases=yard.settings.topic_purchases + "-12",
        topic_dead_letters=yard.settings.topic_dead_letters + "-12",
    )
    three = await Changelog.open(other)
    await three.mark_all()
    with pytest.raises(ConfigurationError, match="offsets can't tell"):
        await yard.ordered(3, force=True)
    report = await yard.ordered(3, dry_run=True, force=True, other_topics=True)
    assert (report.switched, report.lag) == (True, 0)
    await three.close()


async def test_a_build_whose_worker_does_not_get_on_is_given_up_and_can_be_finished(
    yard: Yard,
) -> None:
    async with publication_store(yard.settings) as store:
        await store.switch(await store.read(), 2, way_back=False)
        yard.shown(2, 2, partitions=1)
        log = LogReader(yard.settings)
        await log.start()
        build = builds_among(yard.settings, await topic_counts(yard.settings))[2]
        with pytest.raises(Incomplete, match="only 1 of 3 partitions"):
            await wait_until_published(log, store, build, await store.read(), 0.3)
        await log.stop()
    yard.redis.hset(yard.key("{c-1}"), mapping={"gen": 2})
    yard.redis.hset(yard.key("{gone}"), mapping={"gen": 1})
    await yard.one.write(b"gone", encode_state(Customer()))
    yard.shown(2, 2)
    report = await yard.ordered(2)
    assert (report.switched, report.cleared, report.gen) == (False, 1, 2)
    assert not yard.redis.exists(yard.key("{gone}"))
    assert yard.redis.exists(yard.key("{c-1}"))
    again = await yard.ordered(2)
    assert (again.switched, again.cleared) == (False, 0)


async def test_the_way_back_is_known_once(yard: Yard) -> None:
    with pytest.raises(NotFound, match="no cut-over to undo"):
        await yard.ordered(None)
    yard.shown(2, 2)
    await yard.ordered(2, force=True)
    yard.shown(1, 3)
    report = await yard.ordered(None, force=True)
    assert (report.build, report.gen, report.before) == (1, 3, 2)
    with pytest.raises(NotFound, match="no cut-over to undo"):
        await yard.ordered(None)


async def test_where_nobody_publishes_a_build_can_be_chosen(yard: Yard) -> None:
    yard.redis.delete(yard.key("gen"))
    yard.shown(2, 1)
    report = await yard.ordered(2, force=True)
    assert (report.build, report.gen, report.before) == (2, 1, None)


async def test_hashes_of_a_build_whose_changelog_is_gone_are_said_to_stay(yard: Yard) -> None:
    yard.redis.hset(yard.key("gen"), mapping={"build": 9, "gen": 4})
    yard.shown(2, 5)
    report = await yard.ordered(2, force=True)
    assert "the changelog of build 9 is gone" in report.notes[0]


async def test_a_build_that_is_needed_is_not_removed(yard: Yard) -> None:
    with pytest.raises(NotReady, match="Build 1 publishes"):
        await removable(yard.settings, 1)
    async with member(yard.settings, 2):
        with pytest.raises(NotReady, match="a worker is alive in group"):
            await removable(yard.settings, 2)
    yard.redis.hset(yard.key("gen"), mapping={"build": 3, "gen": 3, "pending": "2:2"})
    with pytest.raises(NotReady, match="has not come to its end"):
        await removable(yard.settings, 2)


async def test_a_group_is_deleted_only_when_nobody_is_in_it(yard: Yard) -> None:
    """Whoever joins between the look and the removal is safe."""
    group = yard.two.settings.group
    async with admin_client(yard.settings) as admin:
        async with member(yard.settings, 2):
            assert not await delete_group(admin, group)
        assert await delete_group(admin, group)
        assert await delete_group(admin, group)


async def test_a_retired_build_leaves_nothing_behind(yard: Yard) -> None:
    yard.shown(2, 1)
    yard.registered(2)
    async with member(yard.settings, 2):
        pass
    build = await removable(yard.settings, 2)
    await delete(yard.settings, build)
    assert list(await yard.listed()) == [1]
    assert build.topic not in await topic_counts(yard.settings)
    async with admin_client(yard.settings) as admin:
        assert (await describe_group(admin, build.settings.group)).state == "Dead"
    left = {key.removeprefix(yard.key("").encode()) for key in yard.redis.scan_iter(yard.key("*"))}
    assert left == {b"gen", b"published:1"}
    with pytest.raises(NotFound, match="no build 2; there is 1"):
        await removable(yard.settings, 2)


async def test_a_removal_that_was_interrupted_can_be_given_again(yard: Yard) -> None:
    async with member(yard.settings, 2):
        pass
    build = await removable(yard.settings, 2)
    async with publication_store(yard.settings) as store:
        await store.retire(2)
    await delete(yard.settings, await removable(yard.settings, 2))
    assert build.topic not in await topic_counts(yard.settings)


def test_the_commands_list_refuse_and_remove(
    own_environ: Environ, redis: Redis, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """As a person gives them; there is no terminal to ask on."""
    for name, value in own_environ.items():  # a command reads its settings there
        monkeypatch.setenv(name, value)
    settings = load(own_environ)

    async def write() -> None:
        for build in (1, 2):
            changelog = await Changelog.open(replace(settings, build=build))
            await changelog.mark_all()
            await changelog.close()

    asyncio.run(write())
    redis.hset(f"{settings.key_prefix}gen", mapping={"build": 1, "gen": 1})
    assert outcome(ltv, ["builds", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["build"], told["gen"], [one["build"] for one in told["builds"]]) == (1, 1, [1, 2])
    assert outcome(ltv, ["builds"]) == 0
    assert "publishes, gen 1: 0 of 3 partitions are there" in capsys.readouterr().out
    assert outcome(ltv, ["cut-over", "--to", "2"]) == 1
    assert "No worker of build 2 is alive" in capsys.readouterr().err
    assert outcome(ltv, ["cut-over", "--to", "2", "--force", "--dry-run"]) == 0
    said = "Build 2 is ready (0 records behind) and would publish with gen 2. Nothing was changed."
    assert said in capsys.readouterr().out
    assert outcome(ltv, ["diff", "--builds", "1,2"]) == 0
    assert outcome(ltv, ["builds", "delete", "1", "--yes"]) == 1
    assert outcome(ltv, ["builds", "delete", "2"]) == 2
    assert "would be deleted for good; say --yes" in capsys.readouterr().err
    assert outcome(ltv, ["builds", "delete", "2", "--yes"]) == 0
    assert "Build 2 is gone" in capsys.readouterr().out
    assert outcome(ltv, ["builds", "delete", "2", "--yes"]) == 1
