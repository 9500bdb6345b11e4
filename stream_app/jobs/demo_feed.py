"""What the demo puts into Kafka: the sample's orders, then, if asked, live ones."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
from redis.asyncio import Redis

from stream_app.dev.cdnow import CdnowRow
from stream_app.jobs.progress import Progress
from stream_app.jobs.send.outbox import Outbox
from stream_app.settings import Settings
from stream_app.stores.keys import Keys

AT_ONCE: Final = 500
LIVE_SECONDS: Final = 0.5
"""Between two live purchases, on average."""
SEEN_SECONDS: Final = 5.0
"""How long a live purchase may take to Redis before the demo says that it is late."""


def purchase(customer: str, event_id: str, occurred_at: str, amount: str) -> bytes:
    """A purchase as a shop would send it."""
    return orjson.dumps(
        {
            "type": "purchase",
            "event_id": event_id,
            "customer_id": customer,
            "occurred_at": occurred_at,
            "order_id": event_id,
            "amount": amount,
            "currency": "USD",
        }
    )


Numbered = tuple[int, CdnowRow]
"""An order and its place in the file, which is its id: sent twice it is a duplicate."""


async def feed(settings: Settings, rows: Sequence[Numbered]) -> None:
    """Send orders of the sample; returns when Kafka has acknowledged all of them."""
    topic = settings.topic_purchases
    async with Outbox(settings) as outbox:
        await outbox.partition_counts([topic])
        with Progress("feeding", "purchases", len(rows)) as progress:
            for sent, (number, row) in enumerate(rows, 1):
                key = row.master_id.encode()
                day = f"{row.day.isoformat()}T00:00:00Z"
                value = purchase(row.master_id, f"cdnow-{number}", day, row.amount)
                await outbox.add(topic, outbox.partition_of(topic, key), key, value)
                if sent % AT_ONCE == 0:
                    await outbox.flush()
                    progress.advance(AT_ONCE)
            await outbox.settle()
            progress.advance(len(rows) % AT_ONCE)


class Bought(NamedTuple):
    """One live purchase, and the hash that showed it; None: not within the time."""

    customer: str
    amount: str
    milliseconds: float | None
    shown: Mapping[str, str]


async def traffic(settings: Settings, rows: Sequence[CdnowRow]) -> AsyncGenerator[Bought, None]:
    """Purchases by the sample's customers, one after another, for ever.

    They happen on the sample's last day, at the time of day that it is now: scores hold as of
    that day.  A customer buys as often as before, for an amount that somebody did pay.
    """
    topic, keys = settings.topic_purchases, Keys(settings.key_prefix, settings.build)
    chance = random.Random()
    last_day = max(row.day for row in rows).isoformat()
    async with Redis.from_url(settings.redis_url) as redis, Outbox(settings) as outbox:
        await outbox.partition_counts([topic])
        while True:
            customer, amount = chance.choice(rows).master_id, chance.choice(rows).amount
            at = f"{last_day}T{time.strftime('%H:%M:%S', time.gmtime())}Z"
            value = purchase(customer, f"live-{time.time_ns()}", at, amount)
            key = customer.encode()
            name = keys.customer(key).decode()
            before = (await _shown(redis, name))["rev"]
            began = time.monotonic()
            await outbox.add(topic, outbox.partition_of(topic, key), key, value)
            await outbox.flush()
            shown = await _changed(redis, name, before, began + SEEN_SECONDS)
            took = None if shown is None else (time.monotonic() - began) * 1000
            yield Bought(customer, amount, took, shown or {})
            await asyncio.sleep(chance.expovariate(1 / LIVE_SECONDS))


async def _changed(redis: Redis, name: str, before: str, deadline: float) -> dict[str, str] | None:
    """The hash once it is another; None when that does not come in time."""
    while time.monotonic() < deadline:
        shown = await _shown(redis, name)
        if shown["rev"] != before:
            return shown
        await asyncio.sleep(0.001)
    return None


async def _shown(redis: Redis, name: str) -> dict[str, str]:
    """A customer's hash now."""
    answer: Any = await redis.hgetall(name)
    return {"rev": "0"} | {field.decode(): text.decode() for field, text in answer.items()}
