"""Which partition a producer puts a key into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from zlib import crc32 as _crc32

Partitioner = Callable[[bytes, int], int]
"""Key and number of partitions to a partition."""

_MASK: Final = 0xFFFFFFFF
_POSITIVE: Final = 0x7FFFFFFF
_SEED: Final = 0x9747B28C
_MULTIPLIER: Final = 0x5BD1E995


def murmur2(key: bytes, partitions: int) -> int:
    """Kafka's own choice (Java client, aiokafka): MurmurHash 2, made positive, modulo.

    >>> murmur2(b"c-1", 8), murmur2(b"", 8)
    (7, 1)
    """
    length = len(key)
    mixed = _SEED ^ length
    whole = length & ~3
    for start in range(0, whole, 4):
        word = int.from_bytes(key[start : start + 4], "little") * _MULTIPLIER & _MASK
        word = (word ^ word >> 24) * _MULTIPLIER & _MASK
        mixed = (mixed * _MULTIPLIER & _MASK) ^ word
    if whole < length:
        mixed = (mixed ^ int.from_bytes(key[whole:], "little")) * _MULTIPLIER & _MASK
    mixed = (mixed ^ mixed >> 13) * _MULTIPLIER & _MASK
    return ((mixed ^ mixed >> 15) & _POSITIVE) % partitions


def crc32(key: bytes, partitions: int) -> int:
    """librdkafka's default (``consistent_random``, of a key that is not empty): CRC-32, modulo."""
    return _crc32(key) % partitions


PARTITIONERS: Final[dict[str, Partitioner | None]] = {
    "murmur2": murmur2,
    "crc32": crc32,
    "trust": None,
}
"""By the names of the setting; ``trust`` takes every key where it lies."""
