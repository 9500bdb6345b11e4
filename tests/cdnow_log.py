"""The CDNOW sample as records of the purchases topic: every order at noon UTC."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, time

from stream_app.dev.cache import cache_directory
from stream_app.dev.cdnow import cdnow_sample, read_sample
from stream_app.dev.kafka import silent
from tests.core.naive_decoder import RawRecord

ORDERS, CUSTOMERS = 6_919, 2_357


def cdnow_records() -> Iterator[RawRecord]:
    """In the order of the file."""
    sample = cdnow_sample(cache_directory(), silent)
    for number, row in enumerate(read_sample(sample)):
        noon = datetime.combine(row.day, time(12), tzinfo=UTC)
        event = {
            "type": "purchase",
            "event_id": f"cdnow-{number}",
            "order_id": f"cdnow-{number}",
            "customer_id": row.master_id,
            "occurred_at": noon.isoformat(),
            "amount": row.amount,
            "currency": "USD",
        }
        value = json.dumps(event).encode()
        timestamp_ms = int(noon.timestamp() * 1000)
        yield RawRecord("purchases", row.master_id.encode(), value, timestamp_ms)
