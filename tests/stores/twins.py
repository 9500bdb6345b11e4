"""The two clients of a storefront behind one set of methods, and what tests of both need."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from stream_app.reader import AsyncScoreReader, Score, ScoreReader, ScoreUnavailable
from tests.stores.worker import DAY, NOON

MONTHS_LATER = NOON + 200 * DAY
PATIENCE = 10.0
"""Where the subject is not how soon a reader gives up; this machine may be busy with others."""


class Blocking:
    """`ScoreReader` behind the methods of its twin."""

    def __init__(self, where: Any, **chosen: Any) -> None:
        self.reader = ScoreReader(where, **chosen)

    async def customer(self, customer_id: str, **chosen: Any) -> Score | None:
        return self.reader.customer(customer_id, **chosen)

    async def customers(self, customer_ids: Sequence[str], **chosen: Any) -> list[Score | None]:
        return self.reader.customers(customer_ids, **chosen)

    async def aclose(self) -> None:
        self.reader.close()


Twin = type[Blocking] | type[AsyncScoreReader]
TWINS = pytest.mark.parametrize("twin", [Blocking, AsyncScoreReader], ids=["blocking", "asyncio"])


async def refused(reader: Blocking | AsyncScoreReader) -> tuple[str, float]:
    """The sentence with which a read fails, and how long that took."""
    began = time.monotonic()
    with pytest.raises(ScoreUnavailable) as caught:
        await reader.customer("a")
    return str(caught.value), time.monotonic() - began
