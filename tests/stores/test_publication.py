"""Who publishes: switched by one step at a time, cleared up after, on a real server."""

from __future__ import annotations

import pytest
from redis import Redis

from stream_app.stores.keys import SUMMARIES
from stream_app.stores.publication import Publication, PublicationStore
from stream_app.stores.redis import Link


@pytest.fixture
def store(link: Link) -> PublicationStore:
    return PublicationStore(link, "ltv:")


@pytest.fixture
def publishing(client: Redis) -> Publication:
    """Build 1 publishes, as its first worker has left it."""
    client.hset("ltv:gen", mapping={"build": 1, "gen": 1})
    return Publication(1, 1)


async def test_a_switch_raises_the_generation_and_remembers_what_was(
    store: PublicationStore, publishing: Publication
) -> None:
    assert await store.read() == publishing
    assert await store.switch(publishing, 2, way_back=False)
    assert await store.read() == Publication(2, 2, before=1, pending=((1, 1),))


async def test_of_two_who_switch_at_once_the_second_is_refused(
    store: PublicationStore, publishing: Publication
) -> None:
    assert await store.switch(publishing, 2, way_back=False)
    assert not await store.switch(publishing, 3, way_back=False)
    assert (await store.read()).build == 2


async def test_the_way_back_has_no_way_back(
    store: PublicationStore, publishing: Publication
) -> None:
    await store.switch(publishing, 2, way_back=False)
    await store.finish(await store.read())
    assert await store.switch(await store.read(), 1, way_back=True)
    assert await store.read() == Publication(1, 3, before=None, pending=((2, 2),))


async def test_a_switch_in_the_middle_of_another_leaves_both_to_be_cleared(
    store: PublicationStore, publishing: Publication
) -> None:
    await store.switch(publishing, 2, way_back=False)
    await store.switch(await store.read(), 3, way_back=False)
    assert await store.read() == Publication(3, 3, before=2, pending=((1, 1), (2, 2)))


async def test_where_nobody_publishes_a_switch_is_the_first_publication(
    store: PublicationStore,
) -> None:
    nobody = await store.read()
    assert nobody == Publication()
    assert await store.switch(nobody, 2, way_back=False)
    assert await store.read() == Publication(2, 1)
    assert not await store.switch(nobody, 1, way_back=False)


async def test_hashes_of_older_generations_are_cleared_and_no_others(
    store: PublicationStore, client: Redis
) -> None:
    client.hset("ltv:gen", mapping={"build": 2, "gen": 3})
    for name, gen in (("old", 2), ("older", 1), ("current", 3)):
        client.hset(f"ltv:{{{name}}}", mapping={"gen": gen, "pos": 10**6, "ltv": 5})
    client.set("ltv:{text}", "somebody else's")
    client.hset("ltv:{bare}", "ltv", 5)
    current = await store.read()
    names = (b"old", b"older", b"current", b"text", b"bare", b"absent")
    assert await store.clear(current, names) == 2
    left = {name for name in names if client.exists(b"ltv:{" + name + b"}")}
    assert left == {b"current", b"text", b"bare"}


async def test_who_does_not_publish_any_more_clears_and_finishes_nothing(
    store: PublicationStore, publishing: Publication, client: Redis
) -> None:
    await store.switch(publishing, 2, way_back=False)
    mine = await store.read()
    await store.switch(mine, 1, way_back=True)
    client.hset("ltv:{c}", mapping={"gen": 1})
    assert await store.clear(mine, [b"c"]) is None
    assert not await store.finish(mine)
    assert client.exists("ltv:{c}")
    assert (await store.read()).pending == ((1, 1), (2, 2))


async def test_finishing_forgets_what_older_generations_said_of_their_partitions(
    store: PublicationStore, publishing: Publication, client: Redis
) -> None:
    for gen in (1, 2):
        for name in SUMMARIES:
            client.hset(f"ltv:{name}:{gen}", "0", "said")
    await store.switch(publishing, 2, way_back=False)
    assert await store.finish(await store.read())
    assert await store.read() == Publication(2, 2, before=1)
    assert all(client.exists(f"ltv:{name}:2") for name in SUMMARIES)
    assert not any(client.exists(f"ltv:{name}:1") for name in SUMMARIES)


async def test_a_build_is_forgotten_unless_it_publishes(
    store: PublicationStore, publishing: Publication, client: Redis
) -> None:
    for build in (1, 2):
        client.hset(f"ltv:epoch:{build}", "0", 5)
        client.hset(f"ltv:published:{build}", "0", "{}")
    await store.switch(publishing, 2, way_back=False)
    await store.finish(await store.read())
    assert not await store.retire(2)
    assert await store.retire(1)
    assert set(client.scan_iter("ltv:*")) == {b"ltv:gen", b"ltv:epoch:2", b"ltv:published:2"}
    assert await store.read() == Publication(2, 2)


async def test_positions_epochs_and_generations_are_read_by_number_and_name(
    store: PublicationStore, client: Redis
) -> None:
    client.hset("ltv:epoch:2", mapping={"0": 5, "11": 7})
    client.hset("ltv:published:2", "3", "{}")
    client.hset("ltv:{c}", "gen", 4)
    assert await store.epochs(2) == {0: b"5", 11: b"7"}
    assert await store.published(2) == {3: b"{}"}
    assert await store.generations([b"c", b"absent"]) == [4, 0]
    assert await store.generations([]) == []
