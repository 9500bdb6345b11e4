"""The doors, the vault and the desk of this folder, started once a session."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.desk import Desk
from tests.security.rights import grant, kafka_rights
from tests.security.servers import Doors, Vault

PARTITIONS = "2"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"doors", "vault"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.stack)


@pytest.fixture(scope="session")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A Kafka where only those of deploy/acl/kafka.csv may do something, and only that."""
    made = Doors(tmp_path_factory.mktemp("doors"))
    with made.kafka:
        asyncio.run(grant(made.direct, kafka_rights()))
        yield made


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory, doors: Doors) -> Iterator[Vault]:
    """A Valkey whose aclfile is deploy/acl/redis.acl, signed for by the same authority."""
    made = Vault(tmp_path_factory.mktemp("vault"), doors.authority)
    with made.valkey:
        yield made


@pytest.fixture
def desk(tmp_path: Path, doors: Doors, vault: Vault) -> Iterator[Desk]:
    """Where commands are given; at the end nothing that was said may hold a secret."""
    made = Desk(tmp_path, [*doors.passwords.values(), *vault.passwords.values(), vault.master])
    yield made
    made.close()


@pytest.fixture
def common() -> dict[str, str]:
    """Settings that all parts of the product share here: the names of deploy/acl."""
    return {"PARTITIONS": PARTITIONS, "SESSION_SECONDS": "3", "IDLE_CHECK": "0.5"}
