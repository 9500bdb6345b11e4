"""Two builds that read different topics: customers who differ are waited for.

Offsets of different topics say nothing about each other (topics of another partition count, filled
by a copy), so there is no cut at which both could be compared. Their changelogs are read on instead
for a few seconds: a customer whose newest states are equal at any look is equal. What one build has
lost never becomes so; what is only on its way does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from stream_app.jobs.builds.one_cut import Customers
from stream_app.jobs.builds.suspects import Suspects, Views, read_suspects
from stream_app.jobs.changelog_reader import Advance
from stream_app.stores.log_reader import LogReader
from stream_app.wire.state import decode

ROUND_SECONDS: Final = 0.2

Sides = Mapping[str, Views]
"""By changelog topic; two of them."""


async def wait_for_equals(
    log: LogReader, sides: Sides, suspects: Suspects, seconds: float, advance: Advance
) -> tuple[int, tuple[Customers, Customers]]:
    """How many suspects became equal, and the newest states of the others, build by build."""
    deadline = time.monotonic() + seconds
    equal: set[bytes] = set()
    while True:
        one, other = (newest(views) for views in sides.values())
        open_ones = (one.keys() | other.keys()) - equal
        equal |= {key for key in open_ones if key in one and one[key] == other.get(key)}
        if equal >= open_ones or time.monotonic() >= deadline:
            return len(equal), (_without(one, equal), _without(other, equal))
        await asyncio.sleep(ROUND_SECONDS)
        for topic, views in sides.items():
            await read_suspects(log, topic, views, suspects, advance)


def newest(views: Views) -> Customers:
    """The newest state of every customer in the views."""
    return {
        key: decode(version.body)
        for view in views.values()
        for key, version in view.customers.items()
    }


def _without(customers: Customers, equal: set[bytes]) -> Customers:
    return {key: customer for key, customer in customers.items() if key not in equal}
