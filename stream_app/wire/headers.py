"""The headers of a record that the decoder reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

COPIED_TIMESTAMP: Final = "ltv-timestamp"
"""The timestamp of the record that this one is a copy of, Unix milliseconds in decimal digits."""
FILLED: Final = {"type": "ce_type", "event_id": "ce_id", "occurred_at": "ce_time"}
"""Fields that a CloudEvents header fills where the value lacks them (Kafka protocol binding, binary
content mode)."""
READ: Final = frozenset((COPIED_TIMESTAMP, *FILLED.values()))

_MAX_VALUE: Final = 1_024
"""Bytes looked at; more than any rule allows, so a longer header breaks the rule of its field."""
_MILLISECONDS: Final = re.compile("[0-9]{1,18}")

Headers = Sequence[tuple[str, bytes | None]]


def text_of(headers: Headers, name: str) -> str | None:
    """The last header of a name, None without one; bytes that are no UTF-8 break every rule."""
    found = [value for own_name, value in headers if own_name == name and value is not None]
    return found[-1][:_MAX_VALUE].decode("utf-8", "surrogateescape") if found else None


def copied_timestamp_ms(text: str) -> int | None:
    """Unix milliseconds; None where the header is malformed."""
    return int(text) if _MILLISECONDS.fullmatch(text) else None
