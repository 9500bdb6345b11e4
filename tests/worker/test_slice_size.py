"""A slice ends before its changelog batch outgrows what the producer may send."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaProducer

from stream_app.stores.topic_plan import CHANGELOG_ROOM
from stream_app.wire.changelog import WATERMARK_KEY, encode_value, encode_watermark
from stream_app.wire.state import encode
from stream_app.wiring import rules as rules_of
from stream_app.worker.fold import fold
from tests.worker.records import TOPIC, bought, daily, partition, settings

WIDE = {"amount": "9999999999999", "currency": "EUR", "fx_rate": "40"}
"""Money that needs 16 bytes; a purchase and a refund of it make rows five times as wide."""


@pytest.mark.parametrize(
    ("slice_bytes", "days"), [(1 << 20, 0), (1 << 20, 20_000), (4 << 20, 700), (4 << 20, 3_000)]
)
async def test_whatever_widens_within_a_slice_its_batch_stays_under_the_producers_limit(
    slice_bytes: int, days: int
) -> None:
    """As many customers as fit are touched first, and all of them grow afterwards."""
    own = settings(SLICE_BYTES=str(slice_bytes))
    rules, into, one = rules_of(own), partition(own), daily(days)
    number = min(rules.byte_limit // (one.size + 100), own.slice_records // 3)
    ids = [f"c-{n}" for n in range(number)]
    into.customers = {name.encode(): one.copy() for name in ids}
    events: list[tuple[str, dict[str, str]]] = [(name, {}) for name in ids]
    for name in ids:
        events += [(name, WIDE), (name, WIDE | {"type": "refund"})]
    log = [bought(n, name, **fields) for n, (name, fields) in enumerate(events)]
    limit = slice_bytes + CHANGELOG_ROOM
    producer = AIOKafkaProducer(max_batch_size=limit, max_request_size=2 * limit)
    while log:
        slice_ = fold(into, TOPIC, log, rules)
        log = log[slice_.records :]
        entries = [(key, encode(customer)) for key, customer in slice_.changed.items()]
        entries.append((WATERMARK_KEY, encode_watermark(into.watermark)))
        batch = producer.create_batch()
        for key, body in entries:
            assert batch.append(timestamp=1, key=key, value=encode_value(into.epoch, body))
    await producer.stop()
