"""What keeps the embedded stack from starting is told in one clear sentence."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream_app.dev import java
from stream_app.dev.cache import cache_directory, owned
from stream_app.dev.cdnow import cdnow_sample
from stream_app.dev.jars import kafka_jars, read_lock
from stream_app.dev.kafka import Kafka, silent
from stream_app.dev.ports import HOST, free_port
from stream_app.dev.stack import Stack
from stream_app.dev.valkey import Valkey
from stream_app.errors import ConfigurationError, Fault, Unreachable


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((HOST, free_port())) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything goes through a proxy that isn't there."""
    nobody = f"http://{HOST}:{free_port()}"
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, nobody)
    for name in ("NO_PROXY", "no_proxy", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "KAFKA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_RETRIES", "0")


@pytest.mark.parametrize("server", [Kafka, Valkey])
def test_a_port_in_use_is_named(
    server: type[Kafka] | type[Valkey], taken_port: int, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=rf"{HOST}:{taken_port}, the port is in use"):
        server(tmp_path, taken_port).start()


def test_a_free_port_is_never_one_that_an_outgoing_connection_could_get() -> None:
    with socket.create_server((HOST, 0)) as listener:
        ephemeral = listener.getsockname()[1]
    assert free_port() < 32_000 < ephemeral


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"Cannot write to .*file/stack"):
        Stack(tmp_path / "file" / "stack").__enter__()


def test_a_directory_in_use_by_another_stack_is_named(tmp_path: Path) -> None:
    with (
        owned(tmp_path, wait=False),
        pytest.raises(ConfigurationError, match="belongs to a stack that is running"),
    ):
        Stack(tmp_path).__enter__()


@pytest.mark.usefixtures("no_network")
def test_a_failed_download_of_kafka_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"Could not fetch .*\.jar .* or set KAFKA_HOME"):
        kafka_jars(tmp_path, silent)
    assert not list(tmp_path.rglob("*.jar"))


@pytest.mark.usefixtures("no_network")
def test_a_failed_download_of_the_sample_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"Could not download .* with CDNOW_SAMPLE"):
        cdnow_sample(tmp_path, silent)


def test_a_file_that_is_not_the_sample_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.txt").write_text("00004 1 19970101 2 29.33\n")
    monkeypatch.setenv("CDNOW_SAMPLE", str(tmp_path / "other.txt"))
    with pytest.raises(ConfigurationError, match="is not the CDNOW sample"):
        cdnow_sample(tmp_path, silent)


def test_a_kafka_home_without_kafka_4_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs" / "kafka_2.13-3.9.0.jar").touch()
    monkeypatch.setenv("KAFKA_HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match="holds no Kafka 4"):
        kafka_jars(tmp_path, silent)


def test_a_kafka_home_is_used_without_a_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "libs").mkdir()
    jar = tmp_path / "libs" / "kafka_2.13-4.1.0.jar"
    jar.touch()
    monkeypatch.setenv("KAFKA_HOME", str(tmp_path))
    assert kafka_jars(tmp_path, silent) == [jar]


@pytest.mark.parametrize(
    ("version", "reason"), [("11.0.2", "version 11"), ("1.8.0_402", "version 1"), ("", "none")]
)
def test_a_java_on_path_that_is_too_old_or_missing_is_refused(
    version: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if version:
        (tmp_path / "java").write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
        (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match=rf"Kafka needs Java 17 or newer.*{reason}"):
        java.java_on_path()


def test_a_server_that_ends_while_starting_shows_the_end_of_its_log(tmp_path: Path) -> None:
    broken = Valkey(tmp_path, options={"maxmemory": "a lot"})
    with pytest.raises(Fault, match=r"(?s)ended with exit code 1 while starting.*valkey\.log.*lot"):
        broken.start()
    assert not broken.alive()


def test_the_cache_is_where_xdg_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_directory() == Path("/elsewhere/ltv")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_directory() == Path.home() / ".cache" / "ltv"


def test_the_lock_holds_each_library_once_and_kafka_in_one_version() -> None:
    artifacts = [jar.path.parts[:-2] for jar in read_lock()]
    assert len(artifacts) == len(set(artifacts))
    kafka = {jar.path.parts[-2] for jar in read_lock() if jar.path.parts[:3] == _KAFKA}
    assert kafka == {"4.1.0"}


_KAFKA = ("org", "apache", "kafka")
