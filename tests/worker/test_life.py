"""How a worker ends before it has begun: exit code and sentence, as a supervisor sees them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.errors import RequestTimedOutError, TopicAuthorizationFailedError
from structlog.testing import capture_logs

from stream_app.stores.topics import ensure_topics
from stream_app.worker.life import report
from tests.worker.records import settings


def started(**variables: str) -> subprocess.Popen[str]:
    """A worker with these settings and no others."""
    own = {"HTTP_PORT": "0", "LOG_FORMAT": "json"} | variables
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LTV_")}
    environ |= {f"LTV_{key}": value for key, value in own.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "stream_app", "worker"],
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def ended(**variables: str) -> tuple[int, str]:
    """Exit code and last line of a worker that can't begin."""
    with started(**variables) as worker:
        try:
            said, _ = worker.communicate(timeout=40)
        finally:
            worker.kill()
        return worker.returncode, said.splitlines()[-1]


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nothing listens: the port is taken, and not listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def silence() -> Iterator[tuple[str, socket.socket]]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"127.0.0.1:{silent.getsockname()[1]}", silent


def test_without_a_broker_a_worker_asks_to_be_started_again(nobody: str) -> None:
    code, last = ended(BROKERS=nobody)
    assert code == 1
    assert f"o Kafka broker answers at {nobody} (LTV_BROKERS)" in last


@pytest.mark.parametrize(
    ("name", "value"), [("HTTP_PORT", "web"), ("PARTITIONS", "0"), ("PARTITION", "8")]
)
def test_a_setting_that_is_none_is_a_sentence_that_names_it(
    name: str, value: str, nobody: str
) -> None:
    code, last = ended(BROKERS=nobody, **{name: value})
    assert code == 78
    assert last.startswith(f"ltv: LTV_{name} is ")


def test_a_failpoint_that_is_none_is_refused_before_anything_is_asked(nobody: str) -> None:
    code, last = ended(BROKERS=nobody, FAILPOINT="nowhere")
    assert code == 78
    assert "LTV_FAILPOINT=" in last


def test_an_unknown_currency_is_refused_before_anything_is_asked(nobody: str) -> None:
    code, last = ended(BROKERS=nobody, CURRENCY="QQQ")
    assert code == 78
    assert "LTV_CURRENCY=QQQ is no ISO 4217 currency" in last


def test_a_worker_asked_to_stop_before_a_broker_answers_ends_in_time(
    silence: tuple[str, socket.socket],
) -> None:
    address, silent = silence
    with started(BROKERS=address) as worker:
        try:
            silent.settimeout(20)
            connection, _ = silent.accept()  # now it is waiting for an answer
            asked = time.monotonic()
            worker.send_signal(signal.SIGTERM)
            worker.wait(timeout=10)
            assert worker.returncode == 0
            assert time.monotonic() - asked <= 10
            connection.close()
        finally:
            worker.kill()


# -- with a broker -----------------------------------------------------------------------------


@pytest.fixture
async def own(brokers: str, redis_url: str) -> dict[str, str]:
    """Settings with topics of the test's own, which are there."""
    name = f"life-{uuid4().hex[:8]}"
    variables = {
        "BROKERS": brokers, "REDIS_URL": redis_url, "APP_ID": name, "KEY_PREFIX": f"{name}:",
        "PARTITIONS": "1",
    }  # fmt: skip
    topics = ("PURCHASES", "SIGNUPS", "ACTIVITY", "MODELS", "DEAD_LETTERS")
    variables |= {f"TOPIC_{topic}": f"{name}-{topic.lower()}" for topic in topics}
    await ensure_topics(settings(PARTITIONER="murmur2", **variables), create=True)
    return variables


async def test_a_port_in_use_is_a_wrong_setting(own: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, last = ended(**own, HTTP_PORT=port)
    assert code == 78
    assert f"Port {port} " in last
    assert "LTV_HTTP_PORT" in last


async def test_an_unknown_currency_is_a_wrong_setting(own: dict[str, str]) -> None:
    code, last = ended(**own, CURRENCY="QQQ")
    assert code == 78
    assert "LTV_CURRENCY=QQQ is no ISO 4217 currency" in last


async def test_a_model_file_that_is_not_there_is_a_wrong_setting(
    own: dict[str, str], tmp_path: Path
) -> None:
    code, last = ended(**own, MODEL_FILE=str(tmp_path / "none.json"))
    assert code == 78
    assert "LTV_MODEL_FILE" in last


def test_an_error_of_kafkas_client_that_nobody_caught_is_a_sentence() -> None:
    with capture_logs() as said:
        assert report(RequestTimedOutError()) == 1
        assert report(TopicAuthorizationFailedError("purchases")) == 78
        assert report(KeyError("ours")) == 1
    assert ["exc_info" in one for one in said] == [False, False, True]
    assert "Kafka failed while we worked" in said[0]["event"]
