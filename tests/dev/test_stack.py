"""The embedded stack is the real thing: it keeps records, comes back, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis import AuthenticationError, Redis
from redis.exceptions import ConnectionError as RedisUnreachable
from redis.exceptions import OutOfMemoryError

from stream_app.dev import kafka_probe
from stream_app.dev.kafka import Kafka
from stream_app.dev.ports import HOST
from stream_app.dev.valkey import Valkey

_GONE_SECONDS = 20.0

# A listener that asks for a password, as production has.
_SASL = {"SECURE": "SASL_PLAINTEXT"}
_SASL_PROPERTIES = {
    "sasl.enabled.mechanisms": "PLAIN",
    "listener.name.secure.plain.sasl.jaas.config": (
        'org.apache.kafka.common.security.plain.PlainLoginModule required user_worker="secret";'
    ),
}
_SASL_CLIENT = {
    "security_protocol": "SASL_PLAINTEXT",
    "sasl_mechanism": "PLAIN",
    "sasl_plain_username": "worker",
    "sasl_plain_password": "secret",
}


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker that these tests may stop and freeze."""
    directory = tmp_path_factory.mktemp("kafka")
    with Kafka(directory, listeners=_SASL, properties=_SASL_PROPERTIES) as running:
        yield running


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    with Valkey(tmp_path, persistent=True) as running:
        yield running


async def _make_topic(brokers: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def _produce(brokers: str, topic: str, value: bytes, **options: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=brokers, **options) as producer:
        await producer.send_and_wait(topic, value)


async def _consume(brokers: str, topic: str, count: int) -> list[bytes]:
    async with AIOKafkaConsumer(bootstrap_servers=brokers, auto_offset_reset="earliest") as reader:
        reader.assign([TopicPartition(topic, 0)])
        return [(await reader.getone()).value for _ in range(count)]


async def test_a_record_goes_in_and_comes_out(brokers: str) -> None:
    await _make_topic(brokers, "dev-in-and-out")
    await _produce(brokers, "dev-in-and-out", b"a purchase")
    assert await _consume(brokers, "dev-in-and-out", 1) == [b"a purchase"]


def test_a_value_goes_in_and_comes_out(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        client.set("dev:in-and-out", b"a score")
        assert client.get("dev:in-and-out") == b"a score"
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


@pytest.mark.stack
async def test_kafka_comes_back_with_its_records_after_a_stop_and_after_a_kill(
    kafka: Kafka,
) -> None:
    await _make_topic(kafka.bootstrap, "dev-restart")
    await _produce(kafka.bootstrap, "dev-restart", b"before the stop")
    address = kafka.bootstrap
    kafka.stop()
    assert not kafka.alive()
    kafka.start()
    assert kafka.bootstrap == address
    await _produce(kafka.bootstrap, "dev-restart", b"before the kill")
    kafka.kill()
    kafka.start()
    records = await _consume(kafka.bootstrap, "dev-restart", 2)
    assert records == [b"before the stop", b"before the kill"]


@pytest.mark.stack
async def test_another_listener_can_ask_for_a_password(kafka: Kafka) -> None:
    await _make_topic(kafka.bootstrap, "dev-secure")
    await _produce(kafka.address("SECURE"), "dev-secure", b"known", **_SASL_CLIENT)
    assert await _consume(kafka.bootstrap, "dev-secure", 1) == [b"known"]


@pytest.mark.stack
def test_a_frozen_kafka_answers_nothing_until_it_goes_on(kafka: Kafka) -> None:
    port = int(kafka.bootstrap.removeprefix(f"{HOST}:"))
    kafka.pause()
    assert kafka.alive()
    assert not kafka_probe.answers(HOST, port)
    kafka.resume()
    kafka.wait_ready()


@pytest.mark.stack
def test_valkey_keeps_its_values_over_a_stop_when_persistent(valkey: Valkey) -> None:
    with Redis.from_url(valkey.url) as client:
        client.set("dev:kept", b"1")
        valkey.stop()
        with pytest.raises(RedisUnreachable):
            client.get("dev:kept")
        valkey.start()
        assert client.get("dev:kept") == b"1"


@pytest.mark.stack
def test_valkey_forgets_over_a_stop_when_not_persistent(tmp_path: Path) -> None:
    with Valkey(tmp_path) as valkey, Redis.from_url(valkey.url) as client:
        client.set("dev:forgotten", b"1")
        valkey.stop()
        valkey.start()
        assert client.get("dev:forgotten") is None


@pytest.mark.stack
def test_valkey_asks_for_its_password_and_refuses_what_does_not_fit(tmp_path: Path) -> None:
    secret = 'p@ss "word"/\\'
    with Valkey(tmp_path, password=secret, options={"maxmemory": "4mb"}) as valkey:
        with Redis(host=HOST, port=valkey.port) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
        with Redis.from_url(valkey.url) as client, pytest.raises(OutOfMemoryError):
            client.set("dev:big", bytes(8 * 1024 * 1024))
        assert (tmp_path / "valkey.conf").stat().st_mode & 0o077 == 0


@pytest.mark.stack
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_nothing_running_and_no_files(number: signal.Signals, tmp_path: Path) -> None:
    with _ltv_dev(tmp_path) as (process, children):
        process.send_signal(number)
        assert process.wait(_GONE_SECONDS) == 0
        assert _still_there(children) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.stack
def test_kill_9_of_the_parent_leaves_nothing_running(tmp_path: Path) -> None:
    with _ltv_dev(tmp_path) as (process, children):
        process.kill()
        assert process.wait(_GONE_SECONDS) == -signal.SIGKILL
        assert _still_there(children) == []


@pytest.mark.stack
def test_a_server_that_ends_by_itself_ends_ltv_dev_with_a_sentence(tmp_path: Path) -> None:
    with _ltv_dev(tmp_path) as (process, children):
        (valkey,) = (child for child in children if child.name() == "valkey-server")
        valkey.kill()
        _, errors = process.communicate(timeout=_GONE_SECONDS)
        assert process.returncode == 1
        assert "Valkey ended by itself" in errors
        assert _still_there(children) == []


@contextmanager
def _ltv_dev(temporary: Path) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """``ltv dev`` once it has printed its two settings, and all processes it has started."""
    with subprocess.Popen(
        [sys.executable, "-m", "stream_app", "dev", "--kafka-port", "0", "--redis-port", "0"],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(f"export LTV_BROKERS={HOST}:")
            assert process.stdout.readline().startswith(f"export LTV_REDIS_URL=redis://{HOST}:")
            children = psutil.Process(process.pid).children(recursive=True)
            assert {"java", "valkey-server"} <= {child.name() for child in children}
            yield process, children
        finally:
            process.kill()


def _still_there(children: list[psutil.Process]) -> list[psutil.Process]:
    _, alive = psutil.wait_procs(children, timeout=_GONE_SECONDS)
    return [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]
