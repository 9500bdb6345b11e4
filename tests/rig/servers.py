"""The Kafka and the Valkey of a test session, and those that a test has for itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stream_app.dev.kafka import Kafka
from stream_app.dev.ports import HOST, free_port

PROXIED = "PROXIED"
"""The listener whose clients are told to come through a proxy."""

_PROPERTIES: Mapping[str, str] = {
    # Killed workers hold their partitions for a session: short ones make short tests.
    "group.min.session.timeout.ms": "1000",
    # A log re-created under the same name must not wait for the old one's files.
    "file.delete.delay.ms": "1000",
}


class Broker:
    """A Kafka with two doors: one for the test, one whose address is a proxy's.

    Kafka tells its clients where to go on; only a listener that advertises the proxy's port
    keeps them there.
    """

    def __init__(self, directory: Path, properties: Mapping[str, str] | None = None) -> None:
        """Choose the ports; nothing runs yet. ``properties`` are more of the broker's own."""
        port = free_port()
        self.proxy_port = free_port()
        doors = f"PLAINTEXT://{HOST}:{port},{PROXIED}://{HOST}:{self.proxy_port}"
        self.kafka = Kafka(
            directory,
            port,
            listeners={PROXIED: "PLAINTEXT"},
            properties={**_PROPERTIES, **(properties or {}), "advertised.listeners": doors},
        )

    @property
    def direct(self) -> str:
        """LTV_BROKERS of those who go straight."""
        return self.kafka.bootstrap

    @property
    def proxied(self) -> str:
        """LTV_BROKERS of those who go through the proxy on `proxy_port`."""
        return f"{HOST}:{self.proxy_port}"

    @property
    def behind_proxy(self) -> str:
        """Where the proxy goes to."""
        return self.kafka.address(PROXIED)
