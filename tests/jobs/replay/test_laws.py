"""The same log tells the same story: twice, live, shuffled, duplicated, over other partitions."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from stream_app.dev.ports import free_port
from stream_app.jobs.demo_worker import WorkerProcess
from tests.jobs.replay.log import (
    POISONED,
    SHAPE,
    fill,
    hash_of,
    own,
    records_of,
    replay,
    settings_of,
)
from tests.jobs.states import states_of

pytestmark = pytest.mark.timeout(240)

STORY = ("customers", "buyers", "orders", "revenue_minor", "tiers", "ltv_minor", "state_hash")
AS_OF = ("--as-of", "2023-12-10")


def story(found: dict[str, object]) -> dict[str, object]:
    return {name: found[name] for name in STORY}


def test_replaying_the_same_range_twice_is_byte_identical(
    brokers: str, redis_url: str, tmp_path: Path
) -> None:
    environ = own(brokers, redis_url, PARTITIONS="4")
    ledger = fill(environ, records_of(POISONED))
    one, other = (tmp_path / f"{name}.parquet" for name in ("one", "other"))
    first = replay(environ, "--into", str(one), *AS_OF)
    second = replay(environ, "--into", str(other), "--processes", "1", *AS_OF)
    assert story(first) == story(second)
    assert one.read_bytes() == other.read_bytes()
    counted = first["topics"].values()
    assert sum(topic["records"] for topic in counted) == len(ledger.records)
    assert first["reasons"].keys() == {"not_json", "wrong_partition", "bad_amount"}
    assert sum(topic["refused"] for topic in counted) == sum(first["reasons"].values())


def test_a_replay_has_the_state_of_the_worker_that_read_the_log_live(
    brokers: str, redis_url: str, tmp_path: Path
) -> None:
    environ = own(brokers, redis_url, PARTITIONS="4", HTTP_PORT=str(free_port()))
    ledger = fill(environ, records_of(POISONED))
    settings = settings_of(environ)
    worker = WorkerProcess(environ, tmp_path / "worker.log")
    try:
        worker.wait_ready()
        for role, topic in zip(
            ("purchases", "signups", "activity"), settings.source_topics, strict=True
        ):
            applied = sum(
                tally.applied for place, tally in ledger.outcomes().items() if place[0] == role
            )
            worker.wait_applied(topic, applied, 60)
    finally:
        worker.stop()
    live = states_of(settings)
    found = replay(environ)
    assert found["customers"] == len(live) > 100
    assert found["state_hash"] == hash_of(live)


def test_a_shuffled_duplicated_and_repartitioned_log_has_the_same_customers(
    brokers: str, redis_url: str
) -> None:
    records = records_of(SHAPE)
    ordered = own(brokers, redis_url, PARTITIONS="8")
    fill(ordered, records)
    twice = random.Random(5).sample(records, 600)
    again = [*records, *twice]
    random.Random(6).shuffle(again)
    mixed = own(brokers, redis_url, PARTITIONS="12")
    fill(mixed, again)
    one, other = replay(ordered, *AS_OF), replay(mixed, *AS_OF)
    assert story(one) == story(other)
    duplicates = [
        sum(topic["duplicate"] for topic in found["topics"].values()) for found in (one, other)
    ]
    # An activity is a month that is set, and is set again.
    assert duplicates[1] - duplicates[0] == sum(raw.role != "activity" for raw in twice) > 500


def test_one_event_more_is_another_hash(brokers: str, redis_url: str) -> None:
    environ = own(brokers, redis_url)
    records = records_of(SHAPE)[:300]
    fill(environ, records[:-1])
    before = replay(environ)
    fill(environ, records[-1:])
    after = replay(environ)
    assert before["state_hash"] != after["state_hash"]


def test_parts_of_the_log_are_parts_of_the_story(brokers: str, redis_url: str) -> None:
    """Up to an offset, and from it on: the counts add up to those of all."""
    environ = own(brokers, redis_url)
    fill(environ, records_of(SHAPE))
    topic = settings_of(environ).topic_purchases
    at = f"{topic}:0=400,{topic}:1=350"
    whole, before, after = (
        replay(environ),
        replay(environ, "--to", at),
        replay(environ, "--from", at),
    )
    counts = [found["topics"][topic]["records"] for found in (before, after, whole)]
    assert counts[0] == 750
    assert counts[0] + counts[1] == counts[2]
    # Of the other topics both have everything.
    assert before["topics"][topic]["ends"] == {"0": 400, "1": 350}
    assert after["topics"][topic]["starts"] == {"0": 400, "1": 350}
