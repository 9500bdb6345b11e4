"""What the tests of the worker share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.worker.appending import Rig


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    made.appender.start(made.fate)
    yield made
    made.appender.stop()
