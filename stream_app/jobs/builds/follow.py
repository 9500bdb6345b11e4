"""Two builds that read different topics: customers who differ are waited for.

Offsets of different topics say nothing about each other (topics of another partition count, filled
by a copy), so there is no cut at which both could be compared. Their changelogs are read on instead
for a few seconds: a customer of whom both builds have had one and the same state since the first
look is equal, though the copy lags and they never have it at one moment. What one build has lost is
missing from every state it has from then on; what is only on its way comes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Container
from typing import Final

from stream_app.jobs.builds.one_cut import Customers
from stream_app.jobs.builds.suspects import Suspects, Views, read_suspects
from stream_app.jobs.changelog_reader import Advance
from stream_app.stores.log_reader import LogReader
from stream_app.wire.state import decode

ROUND_SECONDS: Final = 0.2


class _Everybody(Container[bytes]):
    """Views are given none but the suspects, and all of those are followed."""

    def __contains__(self, _: object) -> bool:
        return True


class _Followed:
    """The suspects of one build: as they are now, and every state they have had meanwhile."""

    def __init__(self, topic: str, views: Views) -> None:
        self.topic = topic
        self.views = views
        self.newest: Customers = {}
        self.had: dict[bytes, set[bytes]] = {}
        for view in views.values():
            for key, version in view.customers.items():
                self._take(key, version.body)
            view.follow(_EVERYBODY)

    async def read_on(self, log: LogReader, suspects: Suspects, advance: Advance) -> None:
        """Take in what has been appended since."""
        await read_suspects(log, self.topic, self.views, suspects, advance)
        for view in self.views.values():
            for _, (key, body) in sorted(view.history.items()):
                self._take(key, body)
            view.history.clear()

    def without(self, customers: set[bytes]) -> Customers:
        """The others."""
        return {key: one for key, one in self.newest.items() if key not in customers}

    def _take(self, key: bytes, body: bytes) -> None:
        customer = self.newest[key] = decode(body)
        self.had.setdefault(key, set()).add(customer.facts)


_EVERYBODY: Final = _Everybody()


async def wait_for_equals(
    log: LogReader,
    sides: tuple[tuple[str, Views], tuple[str, Views]],
    suspects: Suspects,
    seconds: float,
    advance: Advance,
) -> tuple[int, tuple[Customers, Customers]]:
    """How many suspects became equal, and the newest states of the others, build by build.

    `sides`: changelog topic and views of the suspects, of either build.
    """
    deadline = time.monotonic() + seconds
    one, other = (_Followed(topic, views) for topic, views in sides)
    equal: set[bytes] = set()
    while True:
        unsettled = (one.newest.keys() | other.newest.keys()) - equal
        equal |= {key for key in unsettled if one.had.get(key, set()) & other.had.get(key, set())}
        if equal >= unsettled or time.monotonic() >= deadline:
            return len(equal), (one.without(equal), other.without(equal))
        await asyncio.sleep(ROUND_SECONDS)
        for each in (one, other):
            await each.read_on(log, suspects, advance)
