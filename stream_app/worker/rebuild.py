"""Build a partition's state from its changelog.

Records are read in the order of the log up to this owner's claim.  A record whose epoch is older
than the last claim before it was written by a worker that no longer owned the partition, and one
that no release of ours can have written by somebody else: both are void, and the version before
holds.  Void keys are reported, so that the owner can write its own version over them before
compaction keeps the wrong one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stream_app.core.customer import Customer
from stream_app.errors import ChangelogFault, SourceMismatch
from stream_app.wire import state
from stream_app.wire.changelog import (
    CLAIM_KEY,
    WATERMARK_KEY,
    ForeignValue,
    Watermark,
    decode_watermark,
    decode_written,
    is_claim,
)

NEXT_BUILD = "ltv replay --into N, a worker with that LTV_BUILD, ltv cut-over --to N"
"""The way on where a changelog can't be had back, in commands."""


class Rebuild:
    """State of one partition while its changelog is being read."""

    def __init__(self, topic: str, number: int) -> None:
        self.customers: dict[bytes, Customer] = {}
        self.watermark: Watermark | None = None
        self.void: set[bytes] = set()
        """Keys whose last record is void."""
        self.unknown: set[bytes] = set()
        """Keys that somebody else wrote to and of which no version of ours is there: compaction
        may have taken it away, or there never was one."""
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
                if is_claim(record):
                    self._epoch = record.offset
                continue
            try:
                epoch, body = decode_written(record)
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
            except ForeignValue:
                self._foreign(key)
                continue
            except ChangelogFault as error:
                raise SourceMismatch(
                    f"{self._where} can't be read at offset {record.offset}: {error}; run the"
                    f" release that wrote it, or make the next build: {NEXT_BUILD}"
                ) from error
            if self.unknown:
                self.unknown.discard(key)

    def check(self) -> None:
        """SourceMismatch where somebody else's writing has cost a version that can't be had back.

        Worth a look at everybody's money only where there is a key that might be such a one.
        """
        if not self.unknown and (self.watermark is not None or not self.customers):
            return
        money = sum(customer.revenue_minor for customer in self.customers.values())
        if self.watermark is None or self.watermark.net_minor != money:
            raise SourceMismatch(
                f"somebody else has written to {self._where} and customers are missing since:"
                f" take away the right to write there, and make the next build: {NEXT_BUILD}"
            )

    def _foreign(self, key: bytes | None) -> None:
        if key is None:
            return  # nobody's version
        self.void.add(key)
        known = self.watermark is not None if key == WATERMARK_KEY else key in self.customers
        if not known:
            self.unknown.add(key)

    @property
    def is_empty(self) -> bool:
        """Whether nobody has written state here yet."""
        return self.watermark is None
