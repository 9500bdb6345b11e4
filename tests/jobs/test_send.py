"""`ltv send` against a real broker: what it says was sent is in the topics, keyed and placed."""

import asyncio
import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from click.testing import CliRunner

from stream_app.cli import ltv
from stream_app.cli.group import outcome
from stream_app.errors import ConfigurationError
from stream_app.jobs.send import Order, run
from stream_app.jobs.send.outbox import Outbox
from stream_app.settings import Settings, load
from stream_app.wire.partitioner import crc32, murmur2
from tests.jobs.conftest import Environ, read_topic

FILE = "user,date,amount\n" + "".join(f"c-{n % 50},2025-01-01,{n}\n" for n in range(2000))


def send(environ: Environ, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(
        ltv, ["send", "--json", *arguments], env=environ, standalone_mode=False
    )
    if done.exception is not None:
        raise done.exception
    return done.return_value, json.loads(done.stdout)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(FILE)
    return path


def test_every_row_arrives_once_keyed_by_its_customer_and_placed_by_the_partitioner(
    with_topics: Settings, own_environ: Environ, file: Path
) -> None:
    code, answer = send(own_environ, str(file))
    assert code == 0
    assert (answer["read"], answer["sent"], answer["acknowledged"]) == (2000, 2000, 2000)
    records = read_topic(with_topics, with_topics.topic_purchases)
    assert len(records) == 2000
    for record in records:
        assert json.loads(record.value)["customer_id"].encode() == record.key
        assert record.partition == murmur2(record.key, 3)
    amounts = [json.loads(record.value)["amount"] for record in records if record.key == b"c-7"]
    assert amounts == [str(n) for n in range(7, 2000, 50)]


def test_the_partitioner_is_a_setting(
    with_topics: Settings, own_environ: Environ, file: Path
) -> None:
    send({**own_environ, "LTV_PARTITIONER": "crc32"}, str(file))
    records = read_topic(with_topics, with_topics.topic_purchases)
    assert {record.partition for record in records} == {0, 1, 2}
    assert all(record.partition == crc32(record.key, 3) for record in records)


def test_sending_a_file_again_sends_the_same_events(
    with_topics: Settings, own_environ: Environ, file: Path
) -> None:
    send(own_environ, str(file))
    send(own_environ, str(file))
    records = read_topic(with_topics, with_topics.topic_purchases)
    assert set(Counter(record.value for record in records).values()) == {2}


def test_a_dry_run_sends_nothing_and_needs_no_broker(own_environ: Environ, file: Path) -> None:
    code, answer = send({**own_environ, "LTV_BROKERS": "127.0.0.1:1"}, str(file), "--dry-run")
    assert (code, answer["read"], answer["sent"]) == (0, 2000, 0)


def test_a_refused_row_stops_after_what_came_before_it_has_arrived(
    with_topics: Settings,
    own_environ: Environ,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "o.csv"
    path.write_text("user,date,amount\na,2025-01-01,1\na,2025-01-01,-1\na,2025-01-01,3\n")
    for name, value in own_environ.items():
        monkeypatch.setenv(name, value)
    assert outcome(ltv, ["send", str(path)]) == 2
    assert "o.csv line 3: bad_amount: " in capsys.readouterr().err
    assert len(read_topic(with_topics, with_topics.topic_purchases)) == 1
    code, answer = send(own_environ, str(path), "--skip-refused")
    assert (code, answer["acknowledged"], answer["reasons"]) == (0, 2, {"bad_amount": 1})


def test_a_simulated_population_arrives_whole_in_its_three_topics(
    with_topics: Settings, own_environ: Environ
) -> None:
    code, answer = send(own_environ, "--simulate", "200", "--seed", "7")
    assert code == 0
    assert answer["acknowledged"] == answer["read"] == sum(answer["by_topic"].values())
    names = dict(zip(("purchases", "signups", "activity"), with_topics.source_topics, strict=True))
    for role, count in answer["by_topic"].items():
        assert len(read_topic(with_topics, names[role])) == count


def test_an_interrupt_while_a_population_is_made_is_heard_at_once(
    with_topics: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    large = Order(simulate=1_000_000, days=400)
    impatience = Timer(4, os.kill, (os.getpid(), signal.SIGINT))
    impatience.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt, match=r"^Interrupted: 0 of 0 events acknowledged"):
        run(with_topics, large, as_json=True)
    assert time.monotonic() - began < 15  # it would take minutes
    assert "making 1,000,000 simulated customers: stopped" in capsys.readouterr().err


def test_live_traffic_keeps_to_its_rate_and_its_duration(
    with_topics: Settings, own_environ: Environ
) -> None:
    _, answer = send(own_environ, "--simulate", "20", "--rate", "200", "--duration", "1")
    assert 150 <= answer["acknowledged"] <= 260
    assert answer["seconds"] < 10


def test_a_missing_topic_is_a_configuration_error_and_is_not_made_by_asking(
    settings: Settings, file: Path
) -> None:
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"missing .* `ltv topics` creates it"):
            run(settings, Order(files=(file,)), as_json=True)


def test_a_record_as_large_as_a_source_takes_gets_through(with_topics: Settings) -> None:
    topic, value = with_topics.topic_purchases, b"x" * 983_040

    async def add() -> int:
        async with Outbox(with_topics) as outbox:
            await outbox.partition_counts([topic])
            await outbox.add(topic, 0, b"small", b"y")
            await outbox.add(topic, 0, b"large", value)
            await outbox.add(topic, 0, b"small", b"z")
            await outbox.settle()
            return outbox.acknowledged

    assert asyncio.run(add()) == 3
    assert [record.value for record in read_topic(with_topics, topic)] == [b"y", value, b"z"]


def test_the_currency_of_the_settings_fills_in(own_environ: Environ, file: Path) -> None:
    code, answer = send({**own_environ, "LTV_CURRENCY": "EUR"}, str(file), "--dry-run")
    assert (code, answer["refused"]) == (0, 0)
    with pytest.raises(ConfigurationError, match="LTV_CURRENCY"):
        run(
            load({**own_environ, "LTV_CURRENCY": "XXX"}),
            Order(files=(file,), dry_run=True),
            as_json=True,
        )
