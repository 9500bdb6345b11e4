"""The table's changelog: customers, and the two control records of a partition.

A customer's key is its id in UTF-8; its value is a version byte, the epoch that wrote it (u64,
little-endian) and the state (state.py).  Control keys begin with a zero byte, which no id can.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct as Packing
from struct import error as PackingError
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from stream_app.errors import ChangelogFault

VALUE_VERSION: Final = 1
WATERMARK_KEY: Final = b"\0watermark"
CLAIM_KEY: Final = b"\0claim"

_LATER_VERSIONS: Final = range(VALUE_VERSION + 1, ord(" "))
"""First bytes that are left to releases to come; texts begin with one from the space on."""
_HEAD: Final = Packing("<BQ")
_HEAD_SIZE: Final = _HEAD.size


class ChangelogCorrupt(ChangelogFault):
    """A changelog record is not one of ours: another program wrote it, or a newer version did."""


class ForeignValue(ChangelogCorrupt):
    """No version of this program wrote such a value: a tombstone, a text, too few bytes."""


class Anchor(Struct, frozen=True):
    """Fingerprint of the last source record folded, by which the same log is recognised."""

    offset: int
    timestamp_ms: int
    digest: bytes
    """First 8 bytes of SHA-256 of key, zero byte, value."""


class SourcePosition(Struct, frozen=True):
    """How far the state reaches in one source topic; applied + duplicate + refused = read."""

    next_offset: int
    anchor: Anchor | None = None
    applied: int = 0
    duplicate: int = 0
    refused: int = 0


class RowCounts(Struct, frozen=True):
    """Rows of a history that were folded into a partition; what was refused is not among them."""

    applied: int = 0
    duplicate: int = 0


class History(Struct, frozen=True, kw_only=True):
    """What of a partition's state never was in the log: `ltv backfill` made it from rows.

    While the customers are being written, ``finished`` is false and the state is nobody's to use.
    """

    until_us: int
    """Rows that happened before this instant were taken, microseconds since 1970."""
    finished: bool = True
    starts: dict[str, int] = {}
    """By topic name: the offset from which on the log was folded; older records are in the rows."""
    rows: dict[str, RowCounts] = {}
    """By topic name: rows of this partition's customers of the kinds that the topic carries."""
    refused: int = 0
    """Rows of the whole history that were left out because a worker would have refused them."""


class Watermark(Struct, frozen=True, kw_only=True):
    """Which source records are in a partition's state, and the settings that decided it."""

    sources: dict[str, SourcePosition]
    """By topic name."""
    state_version: int
    time_zone: str
    currency: str
    partitioner: str
    tzdata: str
    partitions: int
    max_value: int = 983_040
    """Bytes of the largest value that was accepted."""
    max_at_us: int = 0
    """Largest accepted ``occurred_at``, microseconds since 1970."""
    net_minor: int = 0
    """Applied purchases less cancellations less refunds, base minor units."""
    history: History | UnsetType = UNSET
    """Of a state that began with a backfill; UNSET, and not written, where all came from the log.
    The counts of ``sources`` are those of the log alone, ``max_at_us`` and ``net_minor`` of all."""
    zone_rules: str | UnsetType = UNSET
    """Digest of the zone's offsets since 1970; UNSET in a watermark of an older release."""

    def counts_days_like(self, other: Watermark) -> bool:
        """Whether days of both are the same in one zone, though of two releases of tzdata."""
        if self.tzdata == other.tzdata or self.time_zone == other.time_zone == "UTC":
            return True
        return self.zone_rules is not UNSET and self.zone_rules == other.zone_rules

    @property
    def unfinished(self) -> bool:
        """Whether a backfill is still writing this state, or has left it half written."""
        return self.history is not UNSET and not self.history.finished


class Claim(Struct, frozen=True):
    """Whoever appends this owns the partition from its offset on: that offset is the epoch."""

    owner: str
    nonce: str
    at_ms: int


_STORED: Final = msgspec.msgpack.Decoder(dict[str, Any])
_INT64: Final = range(-(2**63), 2**63)
_CLAIM: Final = msgspec.msgpack.Decoder(Claim)


def encode_value(epoch: int, body: bytes) -> bytes:
    """The value of a record: ``body`` is a state, a watermark or a claim.

    >>> decode_value(encode_value(7, b"body"))
    (7, b'body')
    """
    return _HEAD.pack(VALUE_VERSION, epoch) + body


def decode_value(value: bytes | None) -> tuple[int, bytes]:
    """Epoch and body of a record's value.

    ForeignValue where it can't be any release's, ChangelogCorrupt where a later one may have
    written it.
    """
    if value is None:
        raise ForeignValue("a tombstone")
    try:
        version, epoch = _HEAD.unpack_from(value)
    except PackingError:
        raise ForeignValue(f"a value of {len(value)} bytes, too short for an epoch") from None
    if version != VALUE_VERSION:
        kind = ChangelogCorrupt if version in _LATER_VERSIONS else ForeignValue
        raise kind(f"value version {version}, this program reads {VALUE_VERSION}")
    return epoch, value[_HEAD_SIZE:]


def decode_written(record: Any) -> tuple[int, bytes]:
    """Epoch and body of a record where it lies; `decode_value`'s errors.

    An epoch is the offset of a claim that came before, so one beyond the record is nobody's.
    """
    epoch, body = decode_value(record.value)
    if epoch > record.offset:
        raise ForeignValue("an epoch that nobody can have claimed yet")
    return epoch, body


def is_claim(record: Any) -> bool:
    """Whether a record takes the partition: by its key, and by a value that is a claim's."""
    if record.key != CLAIM_KEY:
        return False
    try:
        _, body = decode_value(record.value)
    except ForeignValue:
        return False
    except ChangelogCorrupt:
        return True  # a later release's
    try:
        decode_claim(body)
    except ChangelogCorrupt:
        return False
    return True


def encode_watermark(watermark: Watermark) -> bytes:
    """The body of a watermark record.

    msgpack's integers end at 64 bits and money does not (one order at a nonsense rate is enough):
    beyond them ``net_minor`` is decimal text.
    """
    if _INT64.start <= watermark.net_minor < _INT64.stop:
        return msgspec.msgpack.encode(watermark)
    fields = {
        name: value
        for name, value in msgspec.structs.asdict(watermark).items()
        if value is not UNSET
    }
    return msgspec.msgpack.encode({**fields, "net_minor": str(watermark.net_minor)})


def decode_watermark(body: bytes) -> Watermark:
    """The watermark in a body; ChangelogCorrupt where there is none."""
    try:
        fields = _STORED.decode(body)
        return msgspec.convert({**fields, "net_minor": int(fields["net_minor"])}, Watermark)
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise ChangelogCorrupt(f"no watermark: {error}") from None


def anchor_of(record: Any) -> Anchor:
    """Fingerprint of a source record, by which the same log is recognised later."""
    digest = sha256((record.key or b"") + b"\0" + (record.value or b"")).digest()[:8]
    return Anchor(offset=record.offset, timestamp_ms=record.timestamp, digest=digest)


def encode_claim(claim: Claim) -> bytes:
    """The body of a claim record."""
    return msgspec.msgpack.encode(claim)


def decode_claim(body: bytes) -> Claim:
    """The claim in a body; ChangelogCorrupt where there is none."""
    try:
        return _CLAIM.decode(body)
    except msgspec.MsgspecError as error:
        raise ChangelogCorrupt(f"no claim: {error}") from None
