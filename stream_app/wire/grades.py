"""Grades of the live models by the customers of one partition, as JSON in Redis.

    today       integer   business day up to which they were graded, days since 1970-01-01
    position    integer   next changelog offset that the state which was graded had reached at least
    models      object    model id -> sums, named as in core/models/prequential.py

Grades are derived, so nothing depends on reading them back: what is not understood is not there.
Unknown fields are ignored, so that a newer worker may say more; sums that are absent are 0.
"""

from __future__ import annotations

from typing import Final

import msgspec

from stream_app.core.days import LAST_DAY
from stream_app.core.models.prequential import BINS, Prequential


class PartitionGrades(msgspec.Struct, frozen=True):
    """What one partition's customers say of the models."""

    today: int
    models: dict[str, Prequential]
    position: int = 0


_LARGEST: Final = 2**53
_DECODER: Final = msgspec.json.Decoder(PartitionGrades)


def encode(grades: PartitionGrades) -> bytes:
    """One JSON object."""
    return msgspec.json.encode(grades)


def decode(value: bytes | None) -> PartitionGrades | None:
    """The grades, or None where these are none that we could have written.

    >>> grades = PartitionGrades(20_000, {"mbg-1": Prequential(forecasts=3)})
    >>> decode(encode(grades)) == grades, decode(b"[]")
    (True, None)
    """
    if not value:
        return None
    try:
        found = _DECODER.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    possible = -1 <= found.today <= LAST_DAY and all(map(_possible, found.models.values()))
    return found if possible else None


def _possible(sums: Prequential) -> bool:
    tenths = (sums.bin_forecasts, sums.bin_bought, sums.bin_expected)
    if any(len(one) != BINS for one in tenths):
        return False
    counts = [sums.forecasts, sums.bought, sums.recent_forecasts, sums.recent_bought, sums.spends]
    counts += [*sums.bin_forecasts, *sums.bin_bought]
    return sums.recent_variance >= 0 and all(0 <= count < _LARGEST for count in counts)
