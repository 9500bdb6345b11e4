"""Why a record can't be applied."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

MAX_DETAIL: Final = 200
"""Characters of a detail; longer ones are cut."""
_MAX_QUOTED: Final = 60


class Reason(StrEnum):
    """The reasons, in their order of precedence: where several apply, the first decides."""

    NULL_VALUE = "null_value"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_TYPE = "unknown_type"
    MISSING_FIELD = "missing_field"
    BAD_ID = "bad_id"
    KEY_MISMATCH = "key_mismatch"
    WRONG_PARTITION = "wrong_partition"
    BAD_TIME = "bad_time"
    IN_THE_FUTURE = "in_the_future"
    BAD_AMOUNT = "bad_amount"
    AMOUNT_PRECISION = "amount_precision"
    AMOUNT_TOO_LARGE = "amount_too_large"
    UNKNOWN_CURRENCY = "unknown_currency"
    BAD_FX_RATE = "bad_fx_rate"
    BAD_VALUE = "bad_value"


class Refusal(Struct, frozen=True, gc=False):
    """A record can't be applied: the reason, and one line that a person can act on."""

    reason: Reason
    detail: str


class Refused(Exception):
    """Raised inside the decoder where a rule does not hold; it never leaves the decoder."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.refusal = Refusal(reason, detail[:MAX_DETAIL])


def quoted(written: str | bytes) -> str:
    """What a record says, for a detail: escaped, on one line, cut where it is long.

    >>> quoted("a\\nb"), quoted("x" * 100)[-8:]
    ("'a\\\\nb'", "xxxxx'..")
    """
    kept = written[:_MAX_QUOTED]
    while len(shown := ascii(kept)) > _MAX_QUOTED + len("b''"):
        kept = kept[: len(kept) * 2 // 3]
    return shown + (".." if len(kept) < len(written) else "")
