"""What every test can ask for: a real Kafka and a real Valkey, started once a run."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

from stream_app.dev.stack import Stack

# An example may wait for a core that somebody else has: slowness is measured by the bench alone.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

_OF_THE_STACK = {"stack", "brokers", "redis_url"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the stack, whoever asks for it, and run it after everything else."""
    for item in items:
        if _OF_THE_STACK & set(getattr(item, "fixturenames", ())):
            item.add_marker("stack")
    items.sort(key=lambda item: item.get_closest_marker("stack") is not None)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Both servers, shared by the whole run: take topics and a key prefix of your own."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
def brokers(stack: Stack) -> str:
    """``host:port`` of the shared Kafka."""
    return stack.brokers


@pytest.fixture(scope="session")
def redis_url(stack: Stack) -> str:
    """URL of the shared Valkey."""
    return stack.redis_url
