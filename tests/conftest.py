"""The servers that tests share: a real Kafka and a real Valkey, started once a session."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import hypothesis
import pytest

from stream_app.dev.valkey import Valkey
from tests.rig.account import PROPERTY, Run
from tests.rig.servers import Broker
from tests.rig.stage import Stages

# An example may wait for a core that somebody else has: slowness is measured by the bench alone.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

SEED = 7
"""Of everything random in a test; the variable SEED chooses another."""

SERVERS = ("broker", "shared_valkey", "stages", "brokers", "redis_url")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, whoever asks for it, and run it after everything else."""
    for item in items:
        if any(name in getattr(item, "fixturenames", ()) for name in SERVERS):
            item.add_marker(pytest.mark.stack)
    items.sort(key=lambda item: item.get_closest_marker("stack") is not None)


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
def stages(
    broker: Broker,
    shared_valkey: Valkey,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
) -> Stages:
    """Opens stages on the shared servers."""
    # The test's own clients complain loudly of what the test does to their broker.
    caplog.set_level(logging.CRITICAL, "aiokafka")
    node: pytest.Item = request.node

    def account(run: Run) -> None:
        node.user_properties.append((PROPERTY, asdict(run)))

    seed = int(os.environ.get("SEED", SEED))
    return Stages(broker, shared_valkey, tmp_path, seed, node.nodeid, account)


@pytest.fixture(scope="session")
def brokers(broker: Broker) -> str:
    """``host:port`` of the shared Kafka: take topics of your own."""
    return broker.direct


@pytest.fixture(scope="session")
def redis_url(shared_valkey: Valkey) -> str:
    """URL of the shared Valkey: take a key prefix of your own."""
    return shared_valkey.url
