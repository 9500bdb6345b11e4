"""Hashes by two models at once: verified and explained each by its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from redis import Redis

from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.jobs.explain import as_object, explained, run
from stream_app.jobs.show import read
from stream_app.jobs.verification.printing import lines
from stream_app.jobs.verify import Scope, verify
from stream_app.stores.keys import Keys
from stream_app.wire.models import redis_fields
from stream_app.wiring import scoring
from tests.core.scoring import BG
from tests.generate import Shape, generate
from tests.jobs.handmade import Shop, settings_of_its_own

AS_OF = "2024-07-01"
SHAPE = Shape(seed=11, customers=40, records=300, refunds=0.1, foreign=0.1)
CHALLENGER = replace(BG, role="challenger")
QUICK = Scope(settle_seconds=0.2)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def shop(brokers: str, redis_url: str, redis: Redis) -> AsyncIterator[Shop]:
    """A shop of which half is scored by a challenger."""
    own = settings_of_its_own(brokers, redis_url)
    shop = await Shop.open(replace(own, as_of=AS_OF, challenger_share=0.5))
    try:
        await shop.work(generate(SHAPE))
        publish(shop, redis, CDNOW)
        yield shop
    finally:
        await shop.close()


def publish(shop: Shop, redis: Redis, champion: ModelParameters | None) -> None:
    """What a worker would leave in Redis."""
    keys = Keys(shop.settings.key_prefix, shop.settings.build)
    by = scoring(shop.settings, champion, None if champion else "no model", CHALLENGER)
    ids = sorted(shop.customers)
    rows = by.rows(ids, [shop.customers[one] for one in ids], by.as_of.fixed or 0, 1)
    models = [model for model in (champion, CHALLENGER) if model is not None]
    written = {
        keys.gen: ["build", str(shop.settings.build), "gen", "1"],
        **{keys.customer(one): row for one, row in zip(ids, rows, strict=True)},
        **{keys.model(model.id): redis_fields(model) for model in models},
        keys.model_challenger: redis_fields(CHALLENGER),
        **({keys.model_current: redis_fields(champion)} if champion else {}),
    }
    redis.delete(keys.model_current.decode())
    for key, row in written.items():
        redis.delete(key.decode())
        redis.hset(key.decode(), mapping=dict(zip(row[::2], row[1::2], strict=True)))


@pytest.mark.parametrize("champion", [CDNOW, None], ids=["by model", "by formula"])
async def test_verify_computes_each_score_by_its_own_model_and_counts_them(
    shop: Shop, redis: Redis, champion: ModelParameters | None
) -> None:
    publish(shop, redis, champion)
    findings = await verify(shop.settings, QUICK)
    assert findings.equal, findings.examples
    named = champion.id if champion is not None else "formula"
    assert findings.models.keys() == {named, CHALLENGER.id}
    assert sum(findings.models.values()) == len(shop.customers)
    assert findings.other_model == 0
    said = "\n".join(lines(findings, "USD"))
    assert f"{CHALLENGER.id} {findings.models[CHALLENGER.id]}" in said
    assert "note:" not in said


async def test_a_score_of_the_other_model_under_its_name_is_found(shop: Shop, redis: Redis) -> None:
    """The hash says the champion and shows what the challenger says."""
    one = next(
        each
        for each in sorted(shop.customers)
        if read(shop.settings, each.decode()).model == CHALLENGER.id
        and shop.customers[each].frequency
    )
    redis.hset(f"{shop.settings.key_prefix}{{{one.decode()}}}", "model", CDNOW.id)
    findings = await verify(shop.settings, QUICK)
    assert findings.redis is not None
    assert (findings.redis.different, findings.redis.wrong) == (1, 1)


async def test_customers_with_another_model_than_the_share_gives_are_a_note_and_no_fault(
    shop: Shop,
) -> None:
    """Under way from one share to another this is how it looks."""
    findings = await verify(replace(shop.settings, challenger_share=0.0), QUICK)
    assert findings.equal, findings.examples
    assert findings.other_model == findings.models[CHALLENGER.id] > 0
    said = "\n".join(lines(findings, "USD"))
    assert f"note: {findings.other_model} customers are not scored by the model in use" in said


async def test_a_sample_has_customers_of_both_models(shop: Shop) -> None:
    findings = await verify(shop.settings, Scope(state=False, sample=20, settle_seconds=0.2))
    assert findings.equal
    assert set(findings.models) == {CDNOW.id, CHALLENGER.id}


async def test_explain_and_show_take_each_customer_by_its_own_model(shop: Shop) -> None:
    named = set()
    for customer_id in sorted(shop.customers):
        found = await explained(shop.settings, customer_id.decode())
        told = as_object(found)
        assert told["equal"], [line for line in told["lines"] if not line["equal"]]
        shown = read(shop.settings, customer_id.decode())
        assert found.parameters is not None
        assert found.parameters.id == told["model"]["id"] == shown.model
        is_challenger = shown.model == CHALLENGER.id
        assert told["model"]["role"] == ("challenger" if is_challenger else "champion")
        named.add(shown.model)
    assert named == {CDNOW.id, CHALLENGER.id}


async def test_people_are_told_that_it_was_the_challenger(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    for customer_id in sorted(shop.customers)[:6]:
        name = customer_id.decode()
        assert await asyncio.to_thread(run, shop.settings, name, as_json=False) == 0
        said = capsys.readouterr().out
        by = {CDNOW.id: "cdnow-published (mbg)", CHALLENGER.id: "bg (bg, challenger)"}
        assert f"by model {by[read(shop.settings, name).model or '']}: r 0." in said
