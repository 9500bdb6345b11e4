"""Build a partition's state from its changelog.

Records are read in the order of the log up to this owner's claim.  A record whose epoch is older
than the last claim before it was written by a worker that no longer owned the partition: it is
void, and the version before it holds.  Void keys are reported, so that the owner can write its own
version over them before compaction keeps the wrong one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stream_app.core.customer import Customer
from stream_app.errors import ChangelogFault
from stream_app.wire import state
from stream_app.wire.changelog import (
    CLAIM_KEY,
    WATERMARK_KEY,
    Watermark,
    decode_value,
    decode_watermark,
)


class Rebuild:
    """State of one partition while its changelog is being read."""

    def __init__(self, topic: str, number: int) -> None:
        self.customers: dict[bytes, Customer] = {}
        self.watermark: Watermark | None = None
        self.void: set[bytes] = set()
        """Keys whose last record is void."""
        self.records = 0
        self._where = f"{topic} partition {number}"
        self._epoch = 0

    def add(self, records: Sequence[Any]) -> None:
        """Take the next records of the log."""
        self.records += len(records)
        customers, void = self.customers, self.void
        for record in records:
            key = record.key
            if key == CLAIM_KEY:
                self._epoch = record.offset
                continue
            if record.value is None:
                raise ChangelogFault(
                    f"{self._where} has a tombstone at offset {record.offset}, which no worker "
                    "writes: somebody else produces to the changelog"
                )
            epoch, body = decode_value(record.value)
            if epoch < self._epoch:
                void.add(key)
                continue
            void.discard(key)
            if key == WATERMARK_KEY:
                self.watermark = decode_watermark(body)
            elif body:
                customer = state.decode(body)
                customer.pos = record.offset
                customers[key] = customer
            else:
                customers.pop(key, None)

    @property
    def is_empty(self) -> bool:
        """Whether nobody has written state here yet."""
        return self.watermark is None
