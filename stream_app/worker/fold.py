"""Fold a slice of records into the customers of a partition: decode, place, apply, count.

The one place where a record becomes state.  It reads no clock, waits for nothing and cannot
fail on a record: a record is applied, recognised as a duplicate, or refused, and the three
add up to the records read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stream_app.core.customer import Customer, Outcome
from stream_app.core.events import Cancellation, Purchase, Refund
from stream_app.wire.changelog import SourcePosition, anchor_of
from stream_app.wire.events import Decoder
from stream_app.wire.refusal import Reason, Refusal
from stream_app.worker.partition import Partition

if TYPE_CHECKING:
    from stream_app.worker.tracing import SliceSpan

ENTRY_BYTES: Final = 32
"""What a customer's record in the changelog takes beside key and facts: version and epoch of the
value, version of the state, and Kafka's own lengths and deltas."""

_RANK: Final = {reason: rank for rank, reason in enumerate(Reason)}
_WRONG_PARTITION_RANK: Final = _RANK[Reason.WRONG_PARTITION]
_APPLIED: Final = Outcome.APPLIED


@dataclass(slots=True, frozen=True)
class Rules:
    """What folding depends on beside the records; the same for every partition of a worker."""

    decoders: Mapping[str, Decoder]
    """Decoder of each source topic, by topic name."""
    partitions: int
    partition_of: Callable[[bytes, int], int] | None
    """The producers' partitioner; None trusts every key where it lies."""
    byte_limit: int
    """A slice ends when its customers' records in the changelog pass this, as they are now."""


@dataclass(slots=True)
class Folded:
    """What folding one slice changed."""

    topic: str
    records: int
    """Records taken; fewer than offered when the byte limit ended the slice early."""
    next_offset: int
    changed: dict[bytes, Customer]
    """Every customer that got something new, as it is after the slice."""
    letters: list[tuple[Any, Refusal]]
    applied: int
    duplicates: int
    misplaced: int
    """Refusals for ``wrong_partition`` or ``key_mismatch``: a sign of a wrong producer."""
    oldest_timestamp_ms: int
    max_at_us: int
    before: dict[bytes, Customer | None]
    """The same customers as they were before the slice; None: they were new."""
    span: SliceSpan | None = None
    """Its trace, where traces are wanted."""


def fold(partition: Partition, topic: str, records: Sequence[Any], rules: Rules) -> Folded:
    """Fold ``records`` (consumer records of one topic, in order) into ``partition``.

    The watermark in memory moves with it.  Customers are copied when first touched, so the
    versions that earlier slices handed on stay as they were.
    """
    decode, limit = rules.decoders[topic].decode, rules.byte_limit
    customers = partition.customers
    changed: dict[bytes, Customer] = {}
    before: dict[bytes, Customer | None] = {}
    letters: list[tuple[Any, Refusal]] = []
    applied = duplicates = misplaced = money = size = taken = 0
    max_at_us = partition.watermark.max_at_us
    for record in records:
        event: Any = decode(record)
        taken += 1
        key = record.key
        if event.__class__ is Refusal:
            refusal = _placed(event, key, partition, rules)
            letters.append((record, refusal))
            misplaced += refusal.reason in (Reason.WRONG_PARTITION, Reason.KEY_MISMATCH)
            continue
        customer = changed.get(key)
        counted = None if customer is None else len(customer.facts)
        if customer is None:
            known = customers.get(key)
            if known is None:
                if misplaces(key, partition.number, rules):
                    letters.append((record, _misplacement(partition.number, key, rules)))
                    misplaced += 1
                    continue
                customer = Customer()
            else:
                customer = known.copy()
        if customer.apply(event) is _APPLIED:
            applied += 1
            if counted is None:
                # Only now: a copy that saw nothing but duplicates must not replace the version
                # whose acknowledgement sets its changelog offset.
                changed[key] = customers[key] = customer
                before[key] = known
                counted, size = 0, size + len(key) + ENTRY_BYTES
            if event.at_us > max_at_us:
                max_at_us = event.at_us
            if event.__class__ is Purchase:  # nearly all are: without the call
                money += event.base_minor or 0
            else:
                money += signed_money(event)
            # To the byte: one event can make every day of a customer several times as wide.
            size += len(customer.facts) - counted
            if size > limit:
                break
        else:
            duplicates += 1
    folded = Folded(
        topic,
        taken,
        records[taken - 1].offset + 1,
        changed,
        letters,
        applied,
        duplicates,
        misplaced,
        records[0].timestamp,
        max_at_us,
        before,
    )
    _advance(partition, folded, records[taken - 1], money)
    return folded


def signed_money(event: Any) -> int:
    """What an applied event adds to the sum of all customers' revenue, base minor units."""
    kind = event.__class__
    if kind is Purchase:
        return event.base_minor or 0
    if kind is Refund or kind is Cancellation:
        return -(event.base_minor or 0)
    return 0


def misplaces(key: bytes, number: int, rules: Rules) -> bool:
    """Whether the producers' partitioner would have put a new customer elsewhere."""
    return rules.partition_of is not None and rules.partition_of(key, rules.partitions) != number


def _placed(refusal: Refusal, key: bytes | None, partition: Partition, rules: Rules) -> Refusal:
    """The refusal that comes first: a wrong partition goes before trouble inside the value."""
    if (
        _RANK[refusal.reason] > _WRONG_PARTITION_RANK
        and key is not None
        and key not in partition.customers
        and misplaces(key, partition.number, rules)
    ):
        return _misplacement(partition.number, key, rules)
    return refusal


def _misplacement(number: int, key: bytes, rules: Rules) -> Refusal:
    assert rules.partition_of is not None
    right = rules.partition_of(key, rules.partitions)
    return Refusal(
        Reason.WRONG_PARTITION,
        f"the key lies in partition {number}, the partitioner of LTV_PARTITIONER gives {right}",
    )


def _advance(partition: Partition, folded: Folded, last: Any, money: int) -> None:
    """Move the watermark in memory over the slice: position, anchor, counts, money."""
    watermark = partition.watermark
    before = watermark.sources.get(folded.topic) or SourcePosition(next_offset=0)
    source = SourcePosition(
        next_offset=folded.next_offset,
        anchor=anchor_of(last),
        applied=before.applied + folded.applied,
        duplicate=before.duplicate + folded.duplicates,
        refused=before.refused + len(folded.letters),
    )
    partition.watermark = msgspec.structs.replace(
        watermark,
        sources={**watermark.sources, folded.topic: source},
        max_at_us=max(watermark.max_at_us, folded.max_at_us),
        net_minor=watermark.net_minor + money,
    )
