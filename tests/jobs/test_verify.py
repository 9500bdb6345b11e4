"""Verify on a real Kafka and a real Valkey: what is right is called equal, each fault is found."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from stream_app.core.customer import Customer
from stream_app.core.events import Purchase
from stream_app.errors import ConfigurationError, SourceMismatch, Unreachable, VerificationFailed
from stream_app.jobs.verification.findings import Findings
from stream_app.jobs.verification.textfile import METRICS, write_metrics
from stream_app.jobs.verify import Scope, run, verify
from stream_app.wire.changelog import WATERMARK_KEY, encode_value, encode_watermark
from tests.core.naive_decoder import RawRecord
from tests.generate import Shape, generate
from tests.jobs.handmade import Shop, settings_of_its_own

AS_OF = 1_719_792_000
SHAPE = Shape(
    seed=7,
    customers=12,
    records=120,
    foreign=0.2,
    duplicates=0.1,
    poison={"bad_amount": 0.03, "not_json": 0.03},
)
QUICK = Scope(settle_seconds=0.5)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def shop(brokers: str, redis_url: str, redis: Redis) -> AsyncIterator[Shop]:
    """A shop with some history, all of it right."""
    shop = await Shop.open(settings_of_its_own(brokers, redis_url))
    try:
        await shop.work(generate(SHAPE))
        shop.publish(redis, AS_OF)
        yield shop
    finally:
        await shop.close()


def key_of(shop: Shop, customer_id: bytes) -> str:
    """Where a customer's hash is."""
    return f"{shop.settings.key_prefix}{{{customer_id.decode()}}}"


def buyer(shop: Shop) -> bytes:
    """A customer who bought more than once."""
    return next(one for one, customer in sorted(shop.customers.items()) if customer.frequency)


def bought(customer: Customer, minor: int) -> Customer:
    """The same customer with one more purchase."""
    more = customer.copy()
    more.apply(Purchase("", "one more", "", 0, 19_500, "USD", minor, minor))
    return more


def examples(findings: Findings) -> str:
    """All that was said."""
    return "\n".join(f"{one.where} {one.who} {one.what}" for one in findings.examples)


async def test_what_is_right_is_called_equal(shop: Shop) -> None:
    findings = await verify(shop.settings, QUICK)
    assert findings.equal, (findings.problems, examples(findings))
    assert findings.state is not None
    assert findings.redis is not None
    assert findings.dead_letters is not None
    assert findings.state.equal == findings.redis.equal == len(shop.customers)
    assert findings.dead_letters.found == findings.dead_letters.refused > 0
    total = sum(customer.revenue_minor for customer in shop.customers.values())
    assert findings.revenue_minor == total
    counted = findings.topics.values()
    assert sum(one.read for one in counted) == SHAPE.records
    assert sum(one.duplicate for one in counted) > 0


async def test_money_off_by_one_cent_is_found(shop: Shop) -> None:
    one = buyer(shop)
    day = shop.customers[one].first_day
    assert day is not None
    wrong = shop.customers[one].copy()
    wrong.apply(Purchase("", "planted", "", 0, day, "USD", 1, 1))
    await shop.write(one, wrong)
    findings = await verify(shop.settings, Scope(redis=False))
    assert not findings.equal
    assert findings.state is not None
    assert (findings.state.different, findings.money_delta_minor) == (1, 1)
    assert one.decode() in examples(findings)


async def test_a_missing_and_an_extra_customer_are_found(shop: Shop) -> None:
    gone = buyer(shop)
    await shop.append(
        shop.partition_of(gone), gone, encode_value(shop.epochs[shop.partition_of(gone)], b"")
    )
    await shop.write(b"nobody", bought(Customer(), 5))
    findings = await verify(shop.settings, Scope(redis=False))
    assert findings.state is not None
    assert (findings.state.missing, findings.state.extra) == (1, 1)
    assert findings.money_delta_minor == 5 - shop.customers[gone].revenue_minor


async def test_a_record_of_a_deposed_worker_is_void(shop: Shop) -> None:
    one = buyer(shop)
    number = shop.partition_of(one)
    old = shop.epochs[number]
    await shop.claim(number)
    await shop.write(one, bought(shop.customers[one], 100), epoch=old)
    findings = await verify(shop.settings, Scope(redis=False))
    assert findings.equal, examples(findings)
    assert findings.void_records == 1


async def test_a_wrong_count_in_the_watermark_is_found(shop: Shop) -> None:
    watermark = shop.watermarks[0]
    off = msgspec.structs.replace(watermark, net_minor=watermark.net_minor + 1)
    body = encode_watermark(off)
    await shop.append(0, WATERMARK_KEY, encode_value(shop.epochs[0], body))
    findings = await verify(shop.settings, Scope(redis=False))
    assert not findings.equal
    assert "net money" in findings.problems[0]


async def test_a_stale_hash_is_found(shop: Shop, redis: Redis) -> None:
    one = buyer(shop)
    before: Any = redis.hgetall(key_of(shop, one))
    await shop.write(one, shop.customers[one])
    shop.publish(redis, AS_OF)
    redis.hset(key_of(shop, one), mapping=before)
    findings = await verify(shop.settings, QUICK)
    assert findings.redis is not None
    assert (findings.redis.stale, findings.redis.wrong) == (1, 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [("revenue", "1"), ("p_alive", "0.5"), ("tier", "gold"), ("basis", "model"), ("gen", "9")],
)
async def test_a_wrong_field_in_redis_is_found(
    shop: Shop, redis: Redis, field: str, value: str
) -> None:
    one = buyer(shop)
    redis.hset(key_of(shop, one), field, value)
    findings = await verify(shop.settings, QUICK)
    assert findings.redis is not None
    assert (findings.redis.different, findings.redis.wrong) == (1, 1)
    assert field in examples(findings)


async def test_a_missing_and_an_extra_hash_are_found(shop: Shop, redis: Redis) -> None:
    redis.delete(key_of(shop, buyer(shop)))
    redis.hset(key_of(shop, b"nobody"), mapping={"gen": 1, "pos": 3, "rev": 1})
    findings = await verify(shop.settings, QUICK)
    assert findings.redis is not None
    assert (findings.redis.missing, findings.redis.extra, findings.redis.wrong) == (1, 1, 2)


async def test_a_missing_dead_letter_is_found(shop: Shop) -> None:
    await shop.send(RawRecord("purchases", b"c", b"{", AS_OF * 1000))
    number = shop.partition_of(b"c")
    watermark = shop.watermarks[number]
    topic = shop.settings.topic_purchases
    source = watermark.sources[topic]
    moved = msgspec.structs.replace(
        source, next_offset=source.next_offset + 1, refused=source.refused + 1
    )
    sources = {**watermark.sources, topic: moved}
    body = encode_watermark(msgspec.structs.replace(watermark, sources=sources))
    await shop.append(number, WATERMARK_KEY, encode_value(shop.epochs[number], body))
    findings = await verify(shop.settings, Scope(redis=False))
    assert findings.dead_letters is not None
    assert (findings.dead_letters.missing, findings.dead_letters.wrong) == (1, 1)
    assert not findings.problems


async def test_records_past_the_watermark_are_past_the_cut(shop: Shop) -> None:
    await shop.send(RawRecord("purchases", b"c", b"{", AS_OF * 1000))
    assert (await verify(shop.settings, QUICK)).equal


async def test_redis_alone_and_a_sample_of_it(shop: Shop, redis: Redis) -> None:
    await shop.write(b"nobody", bought(Customer(), 5))  # in the state, not in the topics
    shop.customers[b"nobody"] = bought(Customer(), 5)
    shop.publish(redis, AS_OF)
    redis.hset(key_of(shop, b"nobody"), "pos", "-2")
    findings = await verify(shop.settings, Scope(state=False, sample=3, settle_seconds=0.2))
    assert findings.state is None
    assert findings.redis is not None
    assert findings.redis.compared < len(shop.customers)


async def test_no_state_and_no_topic_are_one_sentence(brokers: str, redis_url: str) -> None:
    settings = settings_of_its_own(brokers, redis_url)
    with pytest.raises(ConfigurationError, match="there is no topic"):
        await verify(settings, Scope(redis=False))
    shop = await Shop.open(settings)
    await shop.close()
    with pytest.raises(VerificationFailed, match="no state yet"):
        await verify(settings, Scope(redis=False))
    with pytest.raises(VerificationFailed, match="nothing has been published"):
        await verify(settings)


async def test_other_settings_than_the_state_was_built_with_are_refused(shop: Shop) -> None:
    with pytest.raises(SourceMismatch, match="LTV_TIMEZONE=UTC"):
        await verify(replace(shop.settings, time_zone="Asia/Tokyo"), Scope(redis=False))


async def test_trimmed_history_is_said(shop: Shop) -> None:
    topic = shop.settings.topic_purchases
    admin = AIOKafkaAdminClient(bootstrap_servers=shop.settings.brokers)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=3)})
    finally:
        await admin.close()
    findings = await verify(shop.settings, Scope(redis=False))
    assert not findings.equal
    assert "begins at 3" in findings.notes[0]
    assert f"{topic} partition 0: the worker counted" in findings.problems[0]


async def test_a_redis_that_is_away_is_one_sentence(shop: Shop) -> None:
    away = replace(shop.settings, redis_url="redis://:secret@127.0.0.1:1/0")
    with pytest.raises(Unreachable, match="does not answer") as raised:
        await verify(away)
    assert "secret" not in str(raised.value)
    assert (await verify(away, Scope(redis=False))).equal


async def test_the_verdict_is_written_as_metrics_that_prometheus_reads(
    shop: Shop, redis: Redis, tmp_path: Path
) -> None:
    right, wrong = tmp_path / "right.prom", tmp_path / "wrong.prom"
    write_metrics(await verify(shop.settings, QUICK), right)
    redis.delete(key_of(shop, buyer(shop)))
    write_metrics(await verify(shop.settings, QUICK), wrong)
    found = {file.stem: _samples(file) for file in (right, wrong)}
    assert found["right"].keys() == METRICS.keys()
    assert found["right"]["ltv_verify_equal"] == 1
    assert found["right"]["ltv_verify_missing_customers"] == 0
    assert found["right"]["ltv_verify_compared_customers"] >= 20
    assert found["wrong"]["ltv_verify_equal"] == 0
    assert found["wrong"]["ltv_verify_missing_customers"] == 1
    assert abs(found["wrong"]["ltv_verify_finished_timestamp_seconds"] - time.time()) < 60


async def test_the_verdict_is_printed_though_its_metrics_can_not_be_written(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_the_way = tmp_path / "verify.prom"
    in_the_way.mkdir()
    with pytest.raises(ConfigurationError, match=r"--metrics .* can't be written"):
        await asyncio.to_thread(
            run, shop.settings, as_json=True, state_only=True, metrics=in_the_way
        )
    assert json.loads(capsys.readouterr().out)["equal"] is True


def test_a_file_of_metrics_that_can_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"--metrics .* can't be written"):
        write_metrics(Findings(build=1), tmp_path / "nowhere" / "verify.prom")


def _samples(file: Path) -> dict[str, float]:
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(file.read_text())
        for sample in family.samples
        if sample.labels == {"build": "1"}
    }
