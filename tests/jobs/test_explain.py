"""Explain on a real Kafka and a real Valkey: each number follows from the state, or is marked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from redis import Redis

from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.errors import NotFound
from stream_app.jobs.explain import Explanation, as_object, explained
from stream_app.jobs.explain_lineage import Origin, origin_lines
from stream_app.jobs.models_topic import append_model
from stream_app.wire.models import parameters_to_json
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


MODEL = replace(
    CDNOW,
    id="mbg-1",
    fitted_at=1_719_700_000,
    lineage={
        "source": "ltv fit 0.0.0", "as_of": 1_719_700_000, "state": "a-changelog",
        "offsets": {"purchases": {"0": 12, "1": 9}}, "customers": 2_357, "buyers": 2_000,
        "repeat_buyers": 946, "log_likelihoods": {"mbg": -9582.1357, "bg": None},
        "net_ratio": 0.98, "correlation": {"pearson": 0.1139, "spearman": 0.2, "warning": None},
    },
)  # fmt: skip


async def _by_model(shop: Shop, redis: Redis, in_topic: ModelParameters | None) -> Explanation:
    if in_topic is not None:
        await append_model(shop.settings, MODEL.id, parameters_to_json(in_topic))
    shop.publish(redis, AS_OF, parameters=MODEL)
    found = await explained(shop.settings, min(shop.customers).decode())
    assert as_object(found)["equal"]
    return found


async def test_the_model_of_a_score_is_told_with_what_it_was_fitted_to(
    shop: Shop, redis: Redis
) -> None:
    found = await _by_model(shop, redis, MODEL)
    told = as_object(found)
    assert told["model"]["lineage"] == MODEL.lineage
    assert told["lineage_missing"] is None
    assert found.origin is not None
    assert origin_lines(found.origin, MODEL.fitted_at) == [
        "fitted 2024-06-29 22:26Z, as of 2024-06-29 22:26Z, by ltv fit 0.0.0",
        "from 2,357 customers, 2,000 who bought, 946 who came back",
        "state of a-changelog, purchases to 0/12, 1/9",
        "log-likelihood mbg -9,582.1357; net of gross 0.9800;"
        " frequency and spend pearson +0.1139, spearman +0.2000",
    ]


@pytest.mark.parametrize(
    ("in_topic", "why"),
    [
        (None, "has no record of it: it was given by LTV_MODEL_FILE, withdrawn, or compacted away"),
        (replace(MODEL, r=0.5), "its record in the topic has other numbers than Redis"),
        (replace(MODEL, currency="EUR"), "its record can't be used here: model 'mbg-1' was fitted"),
    ],
)
async def test_where_the_topic_does_not_know_the_model_that_is_said(
    shop: Shop, redis: Redis, in_topic: ModelParameters | None, why: str
) -> None:
    found = await _by_model(shop, redis, in_topic)
    assert why in as_object(found)["lineage_missing"]
    assert found.origin is not None
    (line,) = origin_lines(found.origin, MODEL.fitted_at)
    assert line.startswith("where it came from is not known: ")


async def test_without_a_models_topic_scores_are_explained_all_the_same(
    shop: Shop, redis: Redis
) -> None:
    shop.publish(redis, AS_OF, parameters=MODEL)
    elsewhere = replace(shop.settings, topic_models="no-such-topic")
    told = as_object(await explained(elsewhere, min(shop.customers).decode()))
    assert told["equal"]
    assert "'no-such-topic' can't be read: there is no topic" in told["lineage_missing"]


def test_a_lineage_that_others_wrote_is_told_as_far_as_it_makes_sense() -> None:
    assert origin_lines(Origin(CDNOW.lineage, None), None) == [
        "published, not fitted here",
        "data: CDNOW sample, 2,357 customers, 1997-01-01 to 1997-09-30",
        "buying: MBG/NBD; Hoppe and Wagner (2007), Marketing JRM 3(2), 75-90",
        "spending: Gamma-Gamma; Fader, Hardie and Lee (2005), J. Marketing Research 42, 415-430",
        "net_ratio: 1: the sample has no refunds",
    ]
    odd = {
        "as_of": "yesterday", "customers": None, "state": "s", "offsets": [1], "net_ratio": {},
        "log_likelihoods": 7, "correlation": {"pearson": "high", "warning": 3}, "spend": "as one",
    }  # fmt: skip
    assert origin_lines(Origin(odd, None), None) == ["state of s", "as one", "as_of: yesterday"]
    assert origin_lines(Origin({}, None), None) == []


async def test_what_depends_on_all_customers_is_shown_as_that(shop: Shop, redis: Redis) -> None:
    customer_id = min(shop.customers).decode()
    name = f"{shop.settings.key_prefix}{{{customer_id}}}"
    redis.hset(name, mapping={"rfm": "543", "value_rank": "0.97"})
    told = as_object(await explained(shop.settings, customer_id))
    assert told["equal"]
    shown = {line["field"]: (line["value"], line["rule"]) for line in told["lines"][-2:]}
    assert shown == {
        "rfm": ("543", "depends on all customers"),
        "value_rank": (0.97, "depends on all customers"),
    }
