"""The record that a refused record becomes: key and value untouched, headers that say why.

Numbers are decimal digits, text is UTF-8. The record's own headers come first and are kept, those
of an earlier life as a dead letter excepted.
"""

from __future__ import annotations

from typing import Any, Final

from stream_app.wire.refusal import Refusal

TOPIC: Final = "ltv-topic"
PARTITION: Final = "ltv-partition"
OFFSET: Final = "ltv-offset"
TIMESTAMP: Final = "ltv-timestamp"
REASON: Final = "ltv-reason"
DETAIL: Final = "ltv-detail"

OURS: Final = frozenset((TOPIC, PARTITION, OFFSET, TIMESTAMP, REASON, DETAIL))
"""Set anew on every letter."""


def headers(record: Any, refusal: Refusal) -> list[tuple[str, bytes | None]]:
    """Headers of the dead letter of a record (any that has aiokafka's attributes).

    A record copied by a tool may carry `ltv-timestamp`, the instant it is judged by: that one is
    kept in place of the record's own timestamp, so that the letter, sent again, is judged alike.
    One that is not decimal digits is not kept: the headers of a letter can always be read.
    """
    kept = [(name, value) for name, value in record.headers if name not in OURS]
    return [*kept, *(_described(record, refusal))]


def _described(record: Any, refusal: Refusal) -> list[tuple[str, bytes | None]]:
    copied = [
        value
        for name, value in record.headers
        if name == TIMESTAMP and value is not None and value.isdigit() and len(value) <= 18
    ]
    timestamp = record.timestamp if record.timestamp is not None else -1
    return [
        (TOPIC, record.topic.encode()),
        (PARTITION, b"%d" % record.partition),
        (OFFSET, b"%d" % record.offset),
        (TIMESTAMP, copied[-1] if copied else b"%d" % timestamp),
        (REASON, refusal.reason.encode()),
        (DETAIL, refusal.detail.encode()),
    ]
