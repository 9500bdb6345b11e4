"""The servers that tests share: a real Kafka and a real Valkey, started once a session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream_app.dev.valkey import Valkey
from tests.rig.servers import Broker
from tests.rig.stage import Stages

SEED = 7
"""Of everything random in a test; the variable SEED chooses another."""

SERVERS = ("broker", "shared_valkey", "stages")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(name in getattr(item, "fixturenames", ()) for name in SERVERS):
            item.add_marker(pytest.mark.stack)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A running Kafka; a test has topics and groups of its own in it."""
    made = Broker(tmp_path_factory.mktemp("kafka"))
    with made.kafka:
        yield made


@pytest.fixture(scope="session")
def shared_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A running Valkey; a test has a key prefix of its own in it."""
    with Valkey(tmp_path_factory.mktemp("shared-valkey")) as running:
        yield running


@pytest.fixture
def stages(broker: Broker, shared_valkey: Valkey, tmp_path: Path) -> Stages:
    """Opens stages on the shared servers."""
    return Stages(broker, shared_valkey, tmp_path, int(os.environ.get("SEED", SEED)))
