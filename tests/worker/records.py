"""Source records, partitions and rules as a worker meets them, without a broker."""

from __future__ import annotations

import json
from typing import Any

from stream_app.core.customer import Customer
from stream_app.core.events import Purchase
from stream_app.settings import Settings
from stream_app.settings.load import load
from stream_app.wire.record import Record
from stream_app.wiring import nothing_yet, rules
from stream_app.worker.fold import Folded, Rules, fold
from stream_app.worker.partition import Partition

TOPIC = "purchases"
TIMESTAMP_MS = 1_700_000_000_000


def settings(**variables: str) -> Settings:
    """Settings with these variables, keys without their ``LTV_``; every key lies right."""
    given = {"PARTITIONER": "trust"} | variables
    return load({f"LTV_{name}": value for name, value in given.items()})


def partition(of: Settings | None = None, number: int = 0, epoch: int = 0) -> Partition:
    """An empty partition, just claimed at offset ``epoch`` of its changelog."""
    watermark = nothing_yet(of or settings())
    return Partition(number, epoch, watermark, next_offset=epoch + 1, acknowledged={})


def trusting() -> Rules:
    """Rules that take every key where it lies."""
    return rules(settings())


def record(
    offset: int, customer_id: str, topic: str = TOPIC, key: str | None = None, **fields: Any
) -> Record:
    """A record of a customer, keyed by its id or otherwise; ``fields`` are its event's."""
    event = {
        "event_id": f"e-{offset}",
        "customer_id": customer_id,
        "occurred_at": "2023-05-01T12:00:00Z",
    } | fields
    value = json.dumps(event).encode()
    return Record(topic, 0, offset, TIMESTAMP_MS + offset, (key or customer_id).encode(), value)


def bought(offset: int, customer_id: str = "c-1", amount: str = "10.00", **fields: Any) -> Record:
    """A purchase; its event id is that of its offset unless another is given."""
    money = {"type": "purchase", "order_id": f"o-{offset}", "amount": amount, "currency": "USD"}
    return record(offset, customer_id, **(money | fields))


def spoilt(offset: int, customer_id: str = "c-1", value: bytes | None = b"not json") -> Record:
    """A record that is refused."""
    return Record(TOPIC, 0, offset, TIMESTAMP_MS + offset, customer_id.encode(), value)


def folded(into: Partition, *records: Record) -> Folded:
    """Fold one slice of purchases."""
    return fold(into, TOPIC, records, trusting())


def daily(days: int) -> Customer:
    """Somebody who bought on each of so many days, always a little."""
    customer = Customer()
    for day in range(days):
        name = f"e-{day}-of-many"
        customer.apply(Purchase("c", name, name, day * 86_400_000_000, day, "USD", 1, 1))
    return customer
