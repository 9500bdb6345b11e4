"""The population sketches of one partition, as Redis holds them: msgpack, a member a sketch.

version   1
as_of     Unix seconds at which the customers were scored
ltv last_day purchase_days spend
          sketches in the compact form of Apache DataSketches (KLL of doubles)
"""

from __future__ import annotations

from typing import Final

import msgspec

from stream_app.core.population import Population

VERSION: Final = 1


class _Stored(msgspec.Struct):
    version: int
    as_of: int
    sketches: dict[str, bytes]


_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(_Stored).decode


def encode_population(population: Population, as_of: int) -> bytes:
    """The bytes of one partition."""
    return _ENCODE(_Stored(VERSION, as_of, population.to_bytes()))


def decode_population(value: bytes) -> Population | None:
    """The sketches; None where these are none that this version reads."""
    try:
        stored = _DECODE(value)
        return Population.from_bytes(stored.sketches) if stored.version == VERSION else None
    except (msgspec.MsgspecError, ValueError):
        return None
