"""A record of a topic, with the attribute names of aiokafka's, which the decoder reads as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

NO_TIMESTAMP = -1
"""What Kafka's protocol says where a record has no timestamp."""


class Readable(Protocol):
    """What a decoder reads of a record."""

    @property
    def timestamp(self) -> int | None: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class Record(Struct, frozen=True, gc=False):
    """A record as Kafka holds it; ``timestamp`` is Unix milliseconds, -1 or None where it has
    none."""

    topic: str
    partition: int
    offset: int
    timestamp: int | None
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
