"""The guard, on a real server: what a write may replace and what it must leave alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from stream_app.stores import scripts
from stream_app.stores.keys import Keys
from stream_app.stores.redis import Link
from stream_app.stores.scores import Move, ScoreStore, Written, written

EPOCH = 50


async def write(
    link: Link,
    store: ScoreStore,
    *customers: tuple[bytes, int, Sequence[str]],
    gen: int = 1,
    epoch: int = EPOCH,
) -> Written:
    """Write customers (id, position, fields besides gen and pos) of partition 3."""
    keys = [each[0] for each in customers]
    positions = [each[1] for each in customers]
    rows = [["gen", str(gen), "pos", str(pos), *fields] for _, pos, fields in customers]
    await link.send(store.write(gen, 3, epoch, keys, positions, rows))
    return written(await link.reply())


async def opened(link: Link, store: ScoreStore, *, epoch: int = EPOCH) -> None:
    await store.open(link, [(3, epoch)], gen_if_none=1)


async def test_a_customer_is_written_whole_and_readable(
    link: Link, store: ScoreStore, client: Redis
) -> None:
    await opened(link, store)
    answer = await write(link, store, (b"c-1", 7, ["ltv", "100", "channel", "café"]))
    assert answer == Written(scripts.WRITTEN, [])
    assert client.hgetall("ltv:{c-1}") == {
        b"gen": b"1",
        b"pos": b"7",
        b"ltv": b"100",
        b"channel": "café".encode(),
    }


async def test_fields_that_no_longer_hold_disappear(
    link: Link, store: ScoreStore, client: Redis
) -> None:
    await opened(link, store)
    await write(link, store, (b"c-1", 7, ["tier", "new", "lost_at", "5"]))
    await write(link, store, (b"c-1", 8, ["tier", "lost"]))
    assert client.hgetall("ltv:{c-1}") == {b"gen": b"1", b"pos": b"8", b"tier": b"lost"}


async def test_as_many_other_fields_replace_the_old_ones(
    link: Link, store: ScoreStore, client: Redis
) -> None:
    await opened(link, store)
    await write(link, store, (b"c-1", 7, ["old", "1"]))
    await write(link, store, (b"c-1", 8, ["new", "1"]))
    assert client.hgetall("ltv:{c-1}") == {b"gen": b"1", b"pos": b"8", b"new": b"1"}


async def test_an_older_position_is_refused_alone_and_the_same_one_is_rewritten(
    link: Link, store: ScoreStore, client: Redis
) -> None:
    await opened(link, store)
    await write(link, store, (b"c-1", 7, ["ltv", "1"]), (b"c-2", 9, ["ltv", "1"]))
    answer = await write(
        link, store, (b"c-1", 7, ["ltv", "2"]), (b"c-2", 8, ["ltv", "2"]), (b"c-3", 1, ["ltv", "2"])
    )
    assert answer == Written(scripts.WRITTEN, [1])
    assert [client.hget(f"ltv:{{c-{number}}}", "ltv") for number in (1, 2, 3)] == [b"2", b"1", b"2"]


async def test_an_older_generation_is_refused_and_a_newer_one_wins_at_any_position(
    link: Link, store: ScoreStore, client: Redis
) -> None:
    await opened(link, store)
    await write(link, store, (b"c-1", 900, ["ltv", "1"]))
    client.hset("ltv:gen", "gen", 2)
    assert (await write(link, store, (b"c-1", 901, []))).status == scripts.NOT_PUBLISHING
    assert await write(link, store, (b"c-1", 3, ["ltv", "2"]), gen=2) == Written(0, [])
    client.hset("ltv:gen", "gen", 1)
    assert await write(link, store, (b"c-1", 999, ["ltv", "3"])) == Written(0, [0])
    assert client.hget("ltv:{c-1}", "ltv") == b"2"


async def test_nobody_writes_past_a_larger_epoch(
    link: Link, store: ScoreStore, client: Redis
) -> None:
    await opened(link, store)
    await opened(link, store, epoch=EPOCH + 1)
    answer = await write(link, store, (b"c-1", 7, ["ltv", "1"]))
    assert answer.status == scripts.DEPOSED
    assert not client.exists("ltv:{c-1}")
    await opened(link, store)
    assert client.hget("ltv:epoch:1", "3") == b"51"


async def test_an_emptied_redis_asks_to_be_opened_again(
    link: Link, store: ScoreStore, client: Redis
) -> None:
    await opened(link, store)
    client.delete("ltv:epoch:1")
    assert (await write(link, store, (b"c-1", 7, []))).status == scripts.UNREGISTERED
    client.flushall()
    assert (await write(link, store, (b"c-1", 7, []))).status == scripts.UNREGISTERED
    assert not client.exists("ltv:{c-1}")


async def test_a_build_that_does_not_publish_writes_nothing(
    link: Link, store: ScoreStore, client: Redis
) -> None:
    await opened(link, store)
    other = ScoreStore(Keys("ltv:", 2))
    found = await other.open(link, [(3, EPOCH)], gen_if_none=1)
    assert (found.build, found.gen) == (1, 1)
    assert (await write(link, other, (b"c-1", 7, []))).status == scripts.NOT_PUBLISHING
    assert not await other.put_model(link, "m", ["r", "1"])
    assert not client.exists("ltv:{c-1}", "ltv:model:current")


async def test_no_build_publishes_until_somebody_may_say_so(link: Link, store: ScoreStore) -> None:
    assert (await store.open(link, [(3, EPOCH)], gen_if_none=0)).build is None
    found = await store.open(link, [(3, EPOCH)], gen_if_none=4)
    assert (found.build, found.gen, found.epochs) == (1, 4, (EPOCH,))


async def test_a_full_memory_leaves_every_hash_as_it_was(
    link: Link, store: ScoreStore, client: Redis
) -> None:
    await opened(link, store)
    await write(link, store, (b"c-1", 7, ["ltv", "1", "tier", "new"]))
    client.config_set("maxmemory", "1")
    await link.send(store.write(1, 3, EPOCH, [b"c-1", b"c-2"], [8, 8], [["pos", "8"]] * 2))
    with pytest.raises(ResponseError, match=r"OOM|maxmemory"):
        await link.reply()
    client.config_set("maxmemory", "0")
    assert client.hgetall("ltv:{c-1}") == {
        b"gen": b"1",
        b"pos": b"7",
        b"ltv": b"1",
        b"tier": b"new",
    }


async def test_a_key_of_ours_that_is_no_hash_does_not_block_the_others(
    link: Link, store: ScoreStore, client: Redis
) -> None:
    await opened(link, store)
    client.set("ltv:{c-1}", "somebody was here")
    await write(link, store, (b"c-1", 7, ["ltv", "1"]), (b"c-2", 7, ["ltv", "1"]))
    assert client.hget("ltv:{c-1}", "ltv") == client.hget("ltv:{c-2}", "ltv") == b"1"


async def test_a_position_moves_only_from_the_value_its_writer_left(
    link: Link, store: ScoreStore, client: Redis
) -> None:
    await opened(link, store)
    assert await store.move(link, [Move(3, EPOCH, None, b"a")]) == [True]
    assert await store.move(link, [Move(3, EPOCH, None, b"b"), Move(3, EPOCH, b"a", b"c")]) == [
        False,
        True,
    ]
    assert await store.move(link, [Move(3, EPOCH - 1, b"c", b"d")]) == [False]
    assert client.hgetall("ltv:published:1") == {b"3": b"c"}


async def test_any_id_is_a_key_of_its_own(link: Link, store: ScoreStore, client: Redis) -> None:
    await opened(link, store)
    ids = ["}{", "a b", "naïve 顧客", "x" * 128, "ltv:{c}"]
    await write(link, store, *[(each.encode(), 1, ["ltv", each]) for each in ids])
    assert [client.hget(f"ltv:{{{each}}}", "ltv") for each in ids] == [
        each.encode() for each in ids
    ]


async def test_the_model_in_use_is_shown_whole_and_taken_away(
    link: Link, store: ScoreStore, client: Redis
) -> None:
    await opened(link, store)
    await store.put_model(link, "mbg-1", ["r", "0.5", "b", "2"])
    await store.put_model(link, "mbg-2", ["r", "0.25"])
    assert client.hgetall("ltv:model:current") == {b"r": b"0.25"}
    assert client.hgetall("ltv:model:mbg-1") == {b"r": b"0.5", b"b": b"2"}
    await store.put_model(link, None, [])
    assert not client.exists("ltv:model:current")


async def test_the_rules_of_scoring_are_replaced_whole_by_the_build_that_publishes(
    link: Link, store: ScoreStore, client: Redis
) -> None:
    assert not await store.put_scoring(link, ["alive", "0.5"])  # nobody publishes yet
    await opened(link, store)
    assert await store.put_scoring(link, ["alive", "0.5", "mood", "good"])
    assert await store.put_scoring(link, ["alive", "0.75"])
    assert not await ScoreStore(Keys("ltv:", 2)).put_scoring(link, ["alive", "1"])
    assert client.hgetall("ltv:scoring") == {b"alive": b"0.75"}
