"""Raw records for the tests of the jobs: what a producer would have put into Kafka."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

JULY_2024_MS = 1_719_792_000_000  # 2024-07-01T00:00:00Z


class Raw(NamedTuple):
    """A record with the names that a Kafka client gives it."""

    topic: str
    partition: int
    offset: int
    timestamp: int | None
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def record(
    offset: int,
    value: bytes | dict[str, Any] | None,
    *,
    topic: str = "purchases",
    partition: int = 0,
    key: bytes | None = None,
    timestamp: int | None = JULY_2024_MS,
    headers: tuple[tuple[str, bytes], ...] = (),
) -> Raw:
    """A record; the key is the value's customer unless given."""
    if isinstance(value, dict):
        key = value["customer_id"].encode() if key is None else key
        value = json.dumps(value).encode()
    return Raw(topic, partition, offset, timestamp, key, value, headers)


def purchase(
    name: str,
    amount: str,
    day: str,
    *,
    customer: str = "anna",
    order_id: str | None = None,
    currency: str = "USD",
    **more: Any,
) -> dict[str, Any]:
    """A purchase at noon UTC of a day; `more` changes or adds fields."""
    return {
        "type": "purchase",
        "event_id": name,
        "customer_id": customer,
        "occurred_at": f"{day}T12:00:00Z",
        "order_id": name if order_id is None else order_id,
        "amount": amount,
        "currency": currency,
    } | more


def refund(name: str, amount: str, day: str, **more: Any) -> dict[str, Any]:
    """A refund at noon UTC of a day."""
    return purchase(name, amount, day, **more) | {"type": "refund"}


def cancellation(order_id: str, amount: str, ordered: str, **more: Any) -> dict[str, Any]:
    """A cancellation, ten days later or so, of an order of noon of a day."""
    taken_back = {"type": "cancellation", "ordered_at": f"{ordered}T12:00:00Z"}
    return purchase(f"x-{order_id}", amount, "2024-06-30", order_id=order_id, **more) | taken_back


def signup(event_id: str, day: str, *, customer: str = "anna", **more: Any) -> dict[str, Any]:
    """A signup at noon UTC of a day."""
    at = f"{day}T12:00:00Z"
    own = {"event_id": event_id, "customer_id": customer, "occurred_at": at}
    return {"type": "signup"} | own | more


def activity(event_id: str, day: str, *, customer: str = "anna", **more: Any) -> dict[str, Any]:
    """A log-in at noon UTC of a day."""
    return signup(event_id, day, customer=customer, **more) | {"type": "activity"}
