"""`ltv replay` on a real Kafka: what it writes, what it refuses, what is left when it dies."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.errors import KafkaError

from stream_app.core.customer import Customer
from stream_app.dev.ports import free_port
from stream_app.errors import ConfigurationError, Fault, LtvError, SourceMismatch, UsageError
from stream_app.jobs.demo_worker import WorkerProcess, command
from stream_app.jobs.verify import Scope, verify
from stream_app.stores.topics import admin_client
from stream_app.wire.state import decode
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
from tests.jobs.states import states_of, views_of
from tests.ledger import Ledger
from tests.rig.kafka_admin import recreate_topic

pytestmark = pytest.mark.timeout(240)

Log = tuple[dict[str, str], Ledger]


@pytest.fixture(scope="module")
def log(brokers: str, redis_url: str) -> Log:
    """Variables and ledger of a log that nobody changes."""
    environ = own(brokers, redis_url, PARTITIONS="3")
    return environ, fill(environ, records_of(POISONED))


@pytest.fixture(scope="module")
def whole(log: Log) -> dict[str, Any]:
    """What a replay of all of it says."""
    return replay(log[0], "--as-of", "2023-12-10")


# -- what it writes ---------------------------------------------------------------------------


def test_a_file_has_every_customer_with_state_and_scores(
    log: Log, whole: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "customers.parquet"
    replay(log[0], "--into", str(file), "--as-of", "2023-12-10")
    rows = (
        duckdb.connect()
        .execute(
            "SELECT customer_id, state, orders, revenue_minor, frequency, first_day, ltv_minor,"
            f" tier FROM '{file}' ORDER BY customer_id"
        )
        .fetchall()
    )
    states = {name.encode(): state for name, state, *_ in rows}
    assert hash_of(states) == whole["state_hash"]
    assert sum(row[3] for row in rows) == whole["revenue_minor"]
    assert sum(row[6] or 0 for row in rows) == whole["ltv_minor"]
    for _, state, orders, revenue, frequency, first_day, _, _ in rows[:40]:
        customer: Customer = decode(state)
        assert (customer.orders, customer.revenue_minor) == (orders, revenue)
        assert customer.frequency == frequency
        assert (first_day is None) == (customer.first_day is None)
    tiers = {row[7] for row in rows}
    assert tiers <= whole["tiers"].keys()
    assert len(tiers) > 1


def test_a_new_build_streams_on_and_is_what_the_topics_say(
    brokers: str, redis_url: str, tmp_path: Path
) -> None:
    environ = own(brokers, redis_url, PARTITIONS="3", HTTP_PORT=str(free_port()))
    records = records_of(POISONED)
    fill(environ, records[:2_000])
    found = replay(environ, "--into", "shadow")
    second = settings_of(environ, BUILD="2")
    assert found["into"] == "build 2"
    assert hash_of(states_of(second)) == found["state_hash"]
    fill(environ, records[2_000:])
    worker = WorkerProcess(environ | {"LTV_BUILD": "2"}, tmp_path / "worker.log")
    try:
        worker.wait_ready()
        verdict = asyncio.run(_verified(environ))
    finally:
        worker.stop()
    assert verdict.equal, verdict.as_json()
    # Also of what was refused: no worker had read the topics when the build was made.
    letters = verdict.dead_letters
    assert letters is not None
    assert letters.found == letters.refused > 40
    assert (letters.missing, letters.extra) == (0, 0)
    assert replay(environ)["state_hash"] == hash_of(states_of(second))


async def _verified(environ: dict[str, str]) -> Any:
    """Verify until the state holds all that was sent."""
    settings = settings_of(environ, BUILD="2")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        findings = await verify(settings, Scope(redis=False))
        read = sum(tally.read for tally in findings.topics.values())
        if read >= len(records_of(POISONED)):
            return findings
        await asyncio.sleep(0.25)
    raise AssertionError(f"after 60 s the state holds {read} records")


# -- what it refuses --------------------------------------------------------------------------


def refusal(environ: dict[str, str], kind: type[LtvError], *arguments: str) -> str:
    with pytest.raises(kind) as raised:
        replay(environ, *arguments)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--into", "nowhere"), "neither memory, nor file"),
        (("--into", "2", "--from", "2024-01-01"), "leave --from out"),
        (("--from", "yesterday"), "--from 'yesterday' is neither a date"),
        (("--as-of", "soon"), "--as-of 'soon' is neither a date"),
        (("--to", "purchases=3"), "is not TOPIC:PARTITION=OFFSET"),
        (("--to", "elsewhere:0=3"), "names the topic elsewhere, which is none of"),
        (("--into", "/nowhere/file.parquet"), "There is no directory /nowhere"),
    ],
)
def test_a_wrong_word_is_one_sentence(log: Log, arguments: tuple[str, ...], words: str) -> None:
    assert words in refusal(log[0], UsageError, *arguments)


def test_a_range_that_is_not_there_is_one_sentence(log: Log) -> None:
    environ, topic = log[0], settings_of(log[0]).topic_purchases
    far = refusal(environ, SourceMismatch, "--to", f"{topic}:1=999999")
    assert "ends at" in far
    assert "999,999 (--to)" in far
    beyond = refusal(environ, UsageError, "--to", f"{topic}:99=5")
    assert beyond == f"--to names {topic} partition 99, and it has 3, from 0 on."
    backwards = refusal(environ, UsageError, "--from", f"{topic}:1=20", "--to", f"{topic}:1=10")
    assert "--from is after --to" in backwards


def test_a_range_in_which_nothing_lies_is_one_sentence(log: Log) -> None:
    for range in (("--to", "2001-01-01"), ("--from", "2100-01-01")):
        assert "no record lies in this range" in refusal(log[0], UsageError, *range)


def test_another_partition_count_than_the_topics_have_is_one_sentence(log: Log) -> None:
    said = refusal(log[0] | {"LTV_PARTITIONS": "5"}, ConfigurationError)
    assert "has 3 partitions, LTV_PARTITIONS says 5" in said


def test_a_build_that_exists_is_not_written_to(brokers: str, redis_url: str) -> None:
    environ = own(brokers, redis_url)
    fill(environ, records_of(SHAPE)[:200])
    replay(environ, "--into", "7")
    assert "Build 7 exists" in refusal(environ, ConfigurationError, "--into", "7")


def test_a_file_that_exists_is_replaced_only_when_told(log: Log, tmp_path: Path) -> None:
    file = tmp_path / "customers.parquet"
    file.write_bytes(b"precious")
    assert "--overwrite" in refusal(log[0], UsageError, "--into", str(file))
    assert file.read_bytes() == b"precious"
    replay(log[0], "--into", str(file), "--overwrite")
    assert file.read_bytes()[:4] == b"PAR1"
    assert [one.name for one in tmp_path.iterdir()] == [file.name]


def test_a_log_whose_beginning_was_removed_is_read_only_when_told(
    brokers: str, redis_url: str
) -> None:
    environ = own(brokers, redis_url)
    fill(environ, records_of(SHAPE)[:600])
    settings = settings_of(environ)
    place = TopicPartition(settings.topic_purchases, 0)

    async def trim() -> None:
        async with admin_client(settings) as admin:
            await admin.delete_records({place: RecordsToDelete(before_offset=50)})

    asyncio.run(trim())
    said = refusal(environ, SourceMismatch)
    assert f"{place.topic} partition 0 begins at 50: older records were removed" in said
    left = replay(environ | {"LTV_HISTORY_TRIMMED": "1"})
    assert left["topics"][place.topic]["starts"]["0"] == 50
    # Who names the offset knows what there is.
    assert replay(environ, "--from", f"{place.topic}:0=50")["state_hash"] == left["state_hash"]


# -- stopped on the way -------------------------------------------------------------------------


def begin(environ: dict[str, str], *arguments: str, failpoint: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(environ | {"LTV_FAILPOINT": failpoint}, "replay", "--json", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_goes_on_from_its_checkpoint_after_a_signal(
    log: Log, whole: dict[str, Any], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    slow = begin(log[0], "--checkpoint", str(kept), "--rate", "60", "--as-of", "2023-12-10")
    _wait_for_state(kept, slow)
    slow.send_signal(signal.SIGTERM)
    _, said = slow.communicate(timeout=60)
    assert slow.returncode == 130, said
    assert "the same command goes on from there" in said
    again = replay(log[0], "--checkpoint", str(kept), "--as-of", "2023-12-10")
    assert _story(again) == _story(whole)


def test_it_goes_on_after_a_process_was_killed(
    log: Log, whole: dict[str, Any], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    died = begin(log[0], "--checkpoint", str(kept), failpoint="replay_checkpoint")
    _, said = died.communicate(timeout=100)
    assert died.returncode == 1
    assert "a process of the replay died" in said
    assert list(kept.glob("*.state"))
    again = replay(log[0], "--checkpoint", str(kept), "--as-of", "2023-12-10")
    assert _story(again) == _story(whole)


def test_no_process_outlives_the_one_that_started_it(log: Log) -> None:
    slow = begin(log[0], "--rate", "20")
    parent = psutil.Process(slow.pid)
    deadline = time.monotonic() + 60
    while len(found := parent.children(recursive=True)) < 3:  # two that fold, and Python's own
        assert time.monotonic() < deadline
        time.sleep(0.05)
    slow.kill()
    slow.communicate(timeout=30)
    _, left = psutil.wait_procs(found, timeout=30)
    assert not left


def test_a_damaged_checkpoint_is_folded_again(
    log: Log, whole: dict[str, Any], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    replay(log[0], "--checkpoint", str(kept))
    file = kept / "partition-0.state"
    file.write_bytes(file.read_bytes()[:-40])
    again = replay(log[0], "--checkpoint", str(kept), "--as-of", "2023-12-10")
    assert _story(again) == _story(whole)


def test_the_checkpoint_of_another_replay_is_refused(log: Log, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    topic = settings_of(log[0]).topic_purchases
    replay(log[0], "--checkpoint", str(kept), "--to", f"{topic}:0=100")
    zone = refusal(log[0] | {"LTV_TIMEZONE": "Asia/Seoul"}, UsageError, "--checkpoint", str(kept))
    assert "time_zone was 'UTC', now it is 'Asia/Seoul'" in zone
    begun = refusal(log[0], UsageError, "--checkpoint", str(kept), "--from", f"{topic}:0=10")
    assert "another --from or --to" in begun


def test_the_checkpoint_of_topics_that_were_made_anew_is_refused(
    brokers: str, redis_url: str, tmp_path: Path
) -> None:
    environ = own(brokers, redis_url, PARTITIONS="1")
    settings, kept = settings_of(environ), tmp_path / "kept"
    some = records_of(replace(SHAPE, records=300))
    fill(environ, some)
    replay(environ, "--checkpoint", str(kept))
    for topic in settings.source_topics:
        asyncio.run(recreate_topic(settings, topic, 1))
    fill(environ, records_of(replace(SHAPE, records=900, seed=12)))
    said = refusal(environ, SourceMismatch, "--checkpoint", str(kept))
    assert "does not fit the log any more (the record at offset" in said
    assert "name another directory, or remove this one" in said


def test_an_interrupted_build_is_said_to_be_unfinished(brokers: str, redis_url: str) -> None:
    environ = own(brokers, redis_url, PARTITIONS="3")
    fill(environ, records_of(SHAPE)[:900])
    slow = begin(environ, "--into", "2", "--rate", "20")
    _wait_until_begun(environ, slow)
    slow.send_signal(signal.SIGINT)
    _, said = slow.communicate(timeout=60)
    assert slow.returncode == 130, said
    last = "ltv: Interrupted, build 2 is unfinished; the same command makes it anew."
    assert said.splitlines()[-1] == last
    found = replay(environ, "--into", "2")
    assert hash_of(states_of(settings_of(environ, BUILD="2"))) == found["state_hash"]


@pytest.mark.parametrize("failpoint", ["backfill_marked", "replay_partition", "backfill_written"])
def test_a_build_whose_maker_was_killed_is_unfinished_and_the_next_try_makes_it(
    brokers: str, redis_url: str, failpoint: str
) -> None:
    environ = own(brokers, redis_url, PARTITIONS="3")
    fill(environ, records_of(SHAPE)[:900])
    died = begin(environ, "--into", "2", failpoint=failpoint)
    died.communicate(timeout=100)
    assert died.returncode in (1, -signal.SIGKILL)
    second = settings_of(environ, BUILD="2")
    assert any(
        view.watermark is not None and view.watermark.unfinished for view in views_of(second)
    )
    found = replay(environ, "--into", "2")
    assert hash_of(states_of(second)) == found["state_hash"]
    assert not any(view.watermark is None or view.watermark.unfinished for view in views_of(second))


def test_the_rate_is_held(log: Log) -> None:
    found = replay(log[0], "--rate", "600")
    records = sum(topic["records"] for topic in found["topics"].values())
    assert records / found["seconds"] < 700


def _story(found: dict[str, Any]) -> dict[str, Any]:
    left_out = ("processes", "cpu_seconds", "seconds")
    return {name: value for name, value in found.items() if name not in left_out}


def _wait_for_state(directory: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 100
    while not list(directory.glob("*.state")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_two_that_make_one_build_at_a_time_leave_it_unfinished_or_whole(
    brokers: str, redis_url: str
) -> None:
    """The second takes the first one's for a try that died, and deletes it under it."""
    environ = own(brokers, redis_url, PARTITIONS="3")
    fill(environ, records_of(SHAPE)[:900])
    topic = settings_of(environ).topic_purchases
    first = begin(environ, "--into", "2", "--rate", "100")
    _wait_until_begun(environ, first)
    second = begin(environ, "--into", "2", "--to", f"{topic}:0=1,{topic}:1=1,{topic}:2=1")
    codes = [one.wait(timeout=100) for one in (first, second)]
    for one in (first, second):
        one.communicate()
    views = views_of(settings_of(environ, BUILD="2"))
    unfinished = any(one.watermark is None or one.watermark.unfinished for one in views)
    assert codes.count(0) <= 1
    assert unfinished or codes.count(0) == 1
    if 0 not in codes:
        assert unfinished


def _wait_until_begun(environ: dict[str, str], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while True:
        with suppress(KeyError, KafkaError, Fault):  # the topic is being made
            if all(one.watermark is not None for one in views_of(settings_of(environ, BUILD="2"))):
                return
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
