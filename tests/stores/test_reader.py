"""What was published can be read back by a command."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import Redis

from stream_app.dev.ports import free_port
from stream_app.dev.valkey import Valkey
from stream_app.errors import Unreachable
from stream_app.stores.published import Published, encode
from stream_app.stores.reader import ScoreReader, score_reader
from stream_app.stores.redis import Link
from stream_app.stores.scores import Move, ScoreStore

KEYS: dict[str, Callable[[ScoreReader], object]] = {
    "ltv:{c 1}": lambda reader: reader.customers([b"c 0", b"c 1"]),
    "ltv:published:1": ScoreReader.published,
    "ltv:gen": ScoreReader.generation,
    "ltv:model:current": ScoreReader.model,
}


async def test_customers_positions_generation_and_model_are_read(
    valkey: Valkey, link: Link, store: ScoreStore, client: Redis
) -> None:
    await store.open(link, [(3, 50)], gen_if_none=2)
    await store.move(link, [Move(3, 50, None, encode(Published(9, 1, "mbg-1", 5, "r")))])
    await store.put_model(link, "mbg-1", ["r", "0.5"])
    client.hset("ltv:{é}", "ltv", "100")
    with score_reader(valkey.url, valkey.url, "ltv:", 1) as reader:
        assert reader.customer("é".encode()) == {b"ltv": b"100"}
        assert reader.customers([b"nobody", "é".encode()]) == [None, {b"ltv": b"100"}]
        assert reader.published() == {3: Published(9, 1, "mbg-1", 5, "r")}
        assert reader.generation() == (1, 2)
        assert reader.model() == reader.model("mbg-1") == {b"r": b"0.5"}


def test_summaries_are_those_of_the_publication_in_use(valkey: Valkey, client: Redis) -> None:
    client.hset("ltv:grades:2", mapping={"0": b"now", "11": b"too"})
    client.hset("ltv:grades:1", "0", b"before")
    with score_reader(valkey.url, valkey.url, "ltv:", 1) as reader:
        assert reader.summaries("grades") == {}
        client.hset("ltv:gen", mapping={"build": "1", "gen": "2"})
        assert reader.summaries("grades") == {0: b"now", 11: b"too"}


def test_a_key_that_is_no_hash_is_named(valkey: Valkey, client: Redis) -> None:
    for key, read in KEYS.items():
        client.set(key, "somebody was here")
        with (
            pytest.raises(Unreachable, match=f"somebody else has written it; it is '{key}'"),
            score_reader(valkey.url, valkey.url, "ltv:", 1) as reader,
        ):
            read(reader)
        client.delete(key)


async def test_an_empty_redis_has_nothing_to_read(valkey: Valkey) -> None:
    with score_reader(valkey.url, valkey.url, "ltv:", 1) as reader:
        assert (reader.customer(b"c"), reader.generation(), reader.model()) == (None, None, None)
        assert reader.published() == {}


def test_a_redis_that_is_away_is_one_sentence() -> None:
    port = free_port()
    with (
        pytest.raises(Unreachable, match=r"does not answer.*\(redis://shown\)"),
        score_reader(f"redis://127.0.0.1:{port}/0", "redis://shown", "ltv:", 1) as reader,
    ):
        reader.generation()
