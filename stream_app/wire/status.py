"""How one partition is doing, as Redis holds it: one JSON object, written about once a second.

version            1
at                 Unix seconds of the worker's clock: a status that grows old has no owner
worker             host and process of the owner
customers          in the partition
events             by topic: applied, duplicate and refused records since its beginning
events_per_second  records folded lately
lag                by topic: records between the durable state and the end of the log
behind             customers changed and not yet in Redis
late_seconds       from a record's timestamp to its customer's score in Redis, of the last
                   slice written; null before there was one
model              id of the parameters in use; null by formula
"""

from __future__ import annotations

from typing import Final

import msgspec

VERSION: Final = 1


class Counts(msgspec.Struct, frozen=True):
    """Records of one topic, by what became of them."""

    applied: int
    duplicate: int
    refused: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """One partition, as its owner saw it."""

    version: int = VERSION
    at: float
    worker: str
    customers: int
    events: dict[str, Counts]
    events_per_second: float
    lag: dict[str, int]
    behind: int
    late_seconds: float | None
    model: str | None


_ENCODE: Final = msgspec.json.Encoder().encode
_DECODE: Final = msgspec.json.Decoder(Status).decode


def encode_status(status: Status) -> bytes:
    """The bytes of one partition."""
    return _ENCODE(status)


def decode_status(value: bytes) -> Status | None:
    """What was said; None where this is none that this version reads."""
    try:
        status = _DECODE(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return status if status.version == VERSION else None
