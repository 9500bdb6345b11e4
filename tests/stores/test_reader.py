"""What was published can be read back by a command."""

from __future__ import annotations

import pytest
from redis import Redis

from stream_app.core.models.prequential import Prequential
from stream_app.dev.ports import free_port
from stream_app.dev.valkey import Valkey
from stream_app.errors import Unreachable
from stream_app.stores.published import Published, encode
from stream_app.stores.reader import score_reader
from stream_app.stores.redis import Link
from stream_app.stores.scores import Move, ScoreStore
from stream_app.wire.grades import PartitionGrades
from stream_app.wire.grades import encode as encode_grades


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


def test_grades_are_read_by_partition_and_what_is_none_is_not_there(
    valkey: Valkey, client: Redis
) -> None:
    graded = PartitionGrades(20_000, {"mbg-1": Prequential(forecasts=3)})
    client.hset("ltv:grades:2", mapping={"0": encode_grades(graded), "1": b"?"})
    with score_reader(valkey.url, valkey.url, "ltv:", 1) as reader:
        assert reader.grades(2) == {0: graded}
        assert reader.grades(1) == {}


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
