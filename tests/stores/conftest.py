"""A Valkey of this folder's own, which its tests may empty, freeze and kill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis as blocking

from stream_app.core.models.published import CDNOW
from stream_app.dev.valkey import Valkey
from stream_app.stores.address import address
from stream_app.stores.keys import Keys
from stream_app.stores.redis import Link
from stream_app.stores.scores import ScoreStore
from tests.stores.worker import DAY, NOON, Rig, State


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "valkey" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.stack)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Started once; every test begins with it empty and running."""
    directory: Path = tmp_path_factory.mktemp("valkey")
    with Valkey(directory) as running:
        yield running


@pytest.fixture
def valkey(server: Valkey) -> Valkey:
    """Empty, and with its settings as they were."""
    if not server.alive():
        server.start()
    server.resume()
    with blocking.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", "0")
        client.flushall()
    return server


@pytest.fixture
def client(valkey: Valkey) -> Iterator[blocking.Redis]:
    """Looks at what Redis holds."""
    with blocking.Redis.from_url(valkey.url) as made:
        yield made


@pytest.fixture
def store() -> ScoreStore:
    return ScoreStore(Keys("ltv:", 1))


@pytest.fixture
async def link(valkey: Valkey, store: ScoreStore) -> AsyncIterator[Link]:
    """A connection with the scripts loaded."""
    opened = await Link.open(address(valkey.url))
    await store.prepare(opened)
    yield opened
    await opened.close()


@pytest.fixture
async def shop(valkey: Valkey) -> AsyncIterator[Rig]:
    """A publisher that has published two customers by a model: `a`, who came back, and `b`."""
    rig, state = Rig(valkey.url), State()
    await rig.start(state)
    rig.publisher.set_parameters(CDNOW)
    state.buy("a", "b", minor=2_000)
    state.buy("a", day=NOON // DAY + 40, minor=5_000)
    await rig.settled()
    yield rig
    await rig.stop()
