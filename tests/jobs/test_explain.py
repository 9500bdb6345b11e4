"""Explain on a real Kafka and a real Valkey: each number follows from the state, or is marked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from redis import Redis

from stream_app.errors import NotFound
from stream_app.jobs.explain import as_object, explained
from tests.generate import Shape, generate
from tests.jobs.handmade import Shop, settings_of_its_own

AS_OF = 1_719_792_000
SHAPE = Shape(seed=3, customers=5, records=60, refunds=0.2, signups=0.2, foreign=0.2, unrated=0.5)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def shop(brokers: str, redis_url: str, redis: Redis) -> AsyncIterator[Shop]:
    """A shop with some history, published."""
    shop = await Shop.open(settings_of_its_own(brokers, redis_url))
    try:
        await shop.work(generate(SHAPE))
        shop.publish(redis, AS_OF)
        yield shop
    finally:
        await shop.close()


async def test_every_number_that_redis_shows_follows_from_the_state(shop: Shop) -> None:
    for customer_id, customer in shop.customers.items():
        found = await explained(shop.settings, customer_id.decode())
        told = as_object(found)
        assert told["equal"], [line for line in told["lines"] if not line["equal"]]
        assert found.customer.facts == customer.facts
        assert told["lines"][0]["field"] == "revenue"


async def test_a_number_that_redis_shows_differently_is_marked(shop: Shop, redis: Redis) -> None:
    customer_id = min(shop.customers).decode()
    redis.hset(f"{shop.settings.key_prefix}{{{customer_id}}}", "revenue", "1")
    told = as_object(await explained(shop.settings, customer_id))
    assert [line["field"] for line in told["lines"] if not line["equal"]] == ["revenue"]
    assert not told["equal"]


async def test_a_customer_of_whom_nothing_is_published_is_not_found(shop: Shop) -> None:
    with pytest.raises(NotFound, match="Nothing is published"):
        await explained(shop.settings, "nobody")


async def test_the_version_that_redis_shows_is_explained_not_a_newer_one(shop: Shop) -> None:
    customer_id = min(shop.customers)
    shown = shop.customers[customer_id].pos
    await shop.write(customer_id, shop.customers[customer_id].copy())
    found = await explained(shop.settings, customer_id.decode())
    assert found.shown.pos == shown
