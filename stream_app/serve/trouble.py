"""What a request can come to but an answer, and how many seconds later it may be asked again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from stream_app.errors import Fault, LtvError, NotFound, ScoreUnavailable, Unreachable, UsageError
from stream_app.stores.redis import TROUBLE

RETRY_SECONDS: Final = 2
"""After which a server that is away, or busy, may be asked again."""


class Wrong(NamedTuple):
    """What is wrong with one field of a question."""

    field: str
    detail: str


class BadQuestion(Exception):
    """A question that makes no sense; names every field that is wrong."""

    def __init__(self, errors: Sequence[Wrong]) -> None:
        super().__init__("; ".join(f"{each.field}: {each.detail}" for each in errors))
        self.errors = errors


class Refused(NamedTuple):
    """What is said of it."""

    status: int
    detail: str
    members: dict[str, Any]


def told(error: Exception) -> Refused | None:
    """What an error means to who asked; None for what nobody foresaw."""
    if isinstance(error, BadQuestion):
        errors = [each._asdict() for each in error.errors]
        return Refused(400, f"The question can't be answered: {error}.", {"errors": errors})
    if isinstance(error, NotFound):
        return Refused(404, str(error), {})
    if isinstance(error, Unreachable | TimeoutError):
        detail = str(error) or "The answer took too long."
        return Refused(503, detail, {})
    if isinstance(error, ScoreUnavailable):
        away = isinstance(error.__cause__, TROUBLE)
        return Refused(503 if away else 500, str(error), {})
    if isinstance(error, Fault | UsageError | LtvError):
        return Refused(500, str(error), {})
    return None
