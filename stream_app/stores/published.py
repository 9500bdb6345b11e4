"""How far Redis follows the changelog: one small value per partition, kept in Redis itself.

The value moves only by compare-and-set from what its publisher last wrote, and only over customers
that are in Redis. Whatever happens to Redis then shows in it: emptied (the value is missing),
restored (an older one), another server (another run id), another writer (an unknown one). While
everything is being published again, a random negative position stands there, so that losing the
data halfway is seen as well.
"""

from __future__ import annotations

from random import SystemRandom
from typing import Final

import msgspec

_RANDOM: Final = SystemRandom()
_LARGEST_TOKEN: Final = 2**53


class Published(msgspec.Struct, frozen=True):
    """The value of one partition; JSON, so that people can read it."""

    position: int
    """Next changelog offset: all customers whose records lie below it are in Redis. Negative while
    everything is being published again."""
    gen: int = 0
    """Generation of the publication: after a cut-over and back, the hashes are another build's."""
    scoring: str = ""
    """What the scores were computed with: model and settings (`Scoring.id`)."""
    swept: int = 0
    """Unix seconds: what silence did to scores up to here has been published."""
    run_id: str = ""
    """The server this was written to; empty where the server doesn't tell."""
    ranks: str = ""
    """By which tables all customers show where they stand (`Ranks.id`); empty: not all do."""


def encode(published: Published) -> bytes:
    """
    >>> encode(Published(7, 1, "mbg-1", 1_790_000_000, "ab"))
    b'{"position":7,"gen":1,"scoring":"mbg-1","swept":1790000000,"run_id":"ab","ranks":""}'
    """
    return msgspec.json.encode(published)


def decode(value: bytes | None) -> Published | None:
    """The value, or None where there is none that we could have written."""
    if not value:
        return None
    try:
        return msgspec.json.decode(value, type=Published)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def token() -> Published:
    """What stands for the position while everything is being published: equal to no other."""
    return Published(-_RANDOM.randrange(1, _LARGEST_TOKEN))


def is_token(value: bytes | None) -> bool:
    """Whether a pass over everything is, or was, under way."""
    found = decode(value)
    return found is not None and found.position < 0
