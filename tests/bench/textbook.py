"""The Faust app of the textbook, as a peer: a Record, a Table, one Redis write an event.

    python -m tests.bench.textbook BROKERS REDIS_URL TOPIC PARTITIONS

It counts and sums per customer, nothing more, and prints "done" when it has seen the number of
events given in the environment (EVENTS). The environment may also give it another NAME (its app id
and key prefix) and SESSION_SECONDS.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import faust
import redis.asyncio
from faust.types import StreamT


class Purchase(faust.Record, serializer="json"):
    """The fields that the textbook app needs."""

    customer_id: str
    amount: str


def app(
    brokers: str,
    redis_url: str,
    topic: str,
    partitions: int,
    events: int,
    name: str = "textbook",
    **settings: Any,
) -> faust.App:
    """Agent, table and client, wired as the documentation does it, with more settings."""
    faust_app = faust.App(
        name,
        broker=f"kafka://{brokers}",
        store="memory://",
        topic_partitions=partitions,
        web_enabled=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        datadir="/tmp/textbook-faust",
        **settings,
    )
    purchases = faust_app.topic(topic, value_type=Purchase)
    orders = faust_app.Table("orders", default=int, partitions=partitions)
    spent = faust_app.Table("spent", default=float, partitions=partitions)
    client = redis.asyncio.from_url(redis_url)
    seen = 0

    @faust_app.agent(purchases)
    async def count(stream: StreamT[Any]) -> None:
        nonlocal seen
        async for purchase in stream:
            who = purchase.customer_id
            orders[who] += 1
            spent[who] += float(purchase.amount)
            await client.hset(
                f"{name}:{who}", mapping={"orders": orders[who], "revenue": spent[who]}
            )
            seen += 1
            if seen == events:
                print("done", flush=True)

    return faust_app


if __name__ == "__main__":
    brokers, redis_url, topic, partitions = sys.argv[1:5]
    settings: dict[str, Any] = {}
    if "SESSION_SECONDS" in os.environ:
        settings["broker_session_timeout"] = float(os.environ["SESSION_SECONDS"])
        settings["broker_heartbeat_interval"] = settings["broker_session_timeout"] / 4
    wanted = app(
        *(brokers, redis_url, topic, int(partitions), int(os.environ["EVENTS"])),
        os.environ.get("NAME", "textbook"),
        **settings,
    )
    wanted.finalize()
    faust.Worker(wanted, loglevel="error", redirect_stdouts=False).execute_from_commandline()
