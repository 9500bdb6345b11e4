"""A real Apache Kafka on 127.0.0.1: one node in KRaft mode, broker and controller in one."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from stream_app.dev import kafka_probe
from stream_app.dev.cache import cache_directory, writable
from stream_app.dev.child import Child
from stream_app.dev.jars import Progress, kafka_jars
from stream_app.dev.java import find_java
from stream_app.dev.ports import HOST, demand_free, free_port
from stream_app.errors import Fault

# One node can't replicate; a consumer that joins alone need not wait for others; a topic nobody
# made is a mistake.  Few internal partitions: each costs files at every start.  The cleaner's
# buffer (128 MiB by default) still takes a million keys at once.
_PROPERTIES: Final[Mapping[str, str]] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "log.cleaner.dedupe.buffer.size": str(32 * 1024 * 1024),
    # A killed broker may register again only after its old session: 9 s by default.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "200",
}

# Measured: the serial collector and the first compiler alone halve the memory and the start, and
# still carry some hundred thousand records a second.
_JVM: Final = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",  # no file in /tmp that outlives a kill
)

# To standard output, which is the log file: what the JVM itself says ends up there too.
_LOGGING: Final = """\
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1} %m%n
logger.settings.name = org.apache.kafka.common.config.AbstractConfig
logger.settings.level = WARN
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = console
"""

_READY_SECONDS = 120.0  # takes 2; a machine with much else to do, 20


def silent(line: str) -> None:
    """Progress for nobody."""


class Kafka:
    """A broker with its files in ``directory``; may be started again, on the same port and data.

    ``bootstrap`` is always a plaintext listener.  More can be asked for by name and security
    protocol (``{"SECURE": "SASL_SSL"}``), with what they need in ``properties``; `address` tells
    where they are.  ``users`` (name: password) are known to SCRAM from the first start on.  Port 0
    takes a free one, for good.
    """

    def __init__(
        self,
        directory: Path,
        port: int = 0,
        *,
        listeners: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        users: Mapping[str, str] | None = None,
        cache: Path | None = None,
        progress: Progress = silent,
    ) -> None:
        self.directory = directory.absolute()
        self.log = self.directory / "kafka.log"
        self._protocols = {"PLAINTEXT": "PLAINTEXT", **(listeners or {})}
        self._ports = {name: free_port() for name in self._protocols}
        self._ports["PLAINTEXT"] = port or self._ports["PLAINTEXT"]
        self._properties = dict(properties or {})
        self._users = dict(users or {})
        self._cache = cache or cache_directory()
        self._progress = progress
        self._child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """``host:port`` of the plaintext listener, for ``LTV_BROKERS``."""
        return self.address("PLAINTEXT")

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        return self._running().pid

    def address(self, listener: str) -> str:
        """``host:port`` of a listener."""
        return f"{HOST}:{self._ports[listener]}"

    def start(self) -> None:
        """Start and wait until it answers."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start without waiting for an answer; on the first start the storage is made before."""
        if self.alive():
            raise Fault(f"Kafka already runs as process {self.pid}.")
        for port in self._ports.values():
            demand_free(port, "Kafka")
        classpath = os.pathsep.join(map(str, kafka_jars(self._cache, self._progress)))
        java: list[str | Path] = [find_java(), *_JVM, *self._logging_options(), "-cp", classpath]
        properties = self._write_properties()
        if not (self.directory / "data" / "meta.properties").exists():
            self._format(java, properties)
        self._child = Child("Kafka", [*java, "kafka.Kafka", properties], self.log)

    def wait_ready(self) -> None:
        """Return once the broker answers; Fault with the end of its log when it does not."""
        port = self._ports["PLAINTEXT"]
        self._running().wait_until(lambda: kafka_probe.answers(HOST, port), _READY_SECONDS)

    def alive(self) -> bool:
        """Whether the process runs, paused or not."""
        return self._child is not None and self._child.alive()

    def stop(self) -> None:
        """End it in order; nothing to do when it does not run."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._running().kill()

    def pause(self) -> None:
        """Freeze it with its connections open."""
        self._running().pause()

    def resume(self) -> None:
        """Let a frozen one go on."""
        self._running().resume()

    def failure(self) -> Fault:
        """The error for a broker that ended by itself."""
        return Fault(f"Kafka ended by itself. {self._running().last_words()}")

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _running(self) -> Child:
        if self._child is None:
            raise Fault("Kafka was never started.")
        return self._child

    def _write_properties(self) -> Path:
        """The broker's configuration; the controller's port is anew a free one at every start."""
        controller = f"{HOST}:{free_port()}"
        listeners = {name: self.address(name) for name in self._protocols}
        protocols = {**self._protocols, "CONTROLLER": "PLAINTEXT"}
        properties = {
            **_PROPERTIES,
            "log.dirs": str(self.directory / "data"),
            "controller.quorum.voters": f"1@{controller}",
            "listeners": _joined("://", {**listeners, "CONTROLLER": controller}),
            "advertised.listeners": _joined("://", listeners),
            "listener.security.protocol.map": _joined(":", protocols),
            **self._properties,
        }
        path = writable(self.directory) / "server.properties"
        path.touch(mode=0o600)  # it may hold passwords
        path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        return path

    def _logging_options(self) -> list[str]:
        path = writable(self.directory) / "log4j2.properties"
        path.write_text(_LOGGING)
        return [f"-Dlog4j2.configurationFile={path}"]

    def _format(self, java: list[str | Path], properties: Path) -> None:
        """Make the storage of a new cluster, with Kafka's own tool."""
        tool = ["kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(properties)]
        for name, password in self._users.items():
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                tool += ["--add-scram", f"{mechanism}=[name={name},password={password}]"]
        with self.log.open("ab") as log:
            done = subprocess.run(
                [*java, *tool], stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
            )
        if done.returncode != 0:
            tail = self.log.read_text(errors="replace").strip().splitlines()[-1:]
            raise Fault(f"Kafka could not make its storage in {self.directory}: {''.join(tail)}")


def _joined(separator: str, pairs: Mapping[str, str]) -> str:
    return ",".join(f"{name}{separator}{value}" for name, value in pairs.items())


def _cluster_id() -> str:
    """A new one as Kafka writes them: 16 bytes in URL-safe base 64, not starting with a dash."""
    return "L" + base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")[1:]
