"""Instants as people give them on a command line."""

from __future__ import annotations

from stream_app.errors import UsageError
from stream_app.jobs.send.moments import Moments
from stream_app.wire.times import Times


def instant_us(text: str, time_zone: str, option: str) -> int:
    """Microseconds since 1970; a date is its first instant in the business time zone.

    UsageError, naming the option, for anything else.

    >>> instant_us("1970-01-02", "UTC", "--until")
    86400000000
    >>> instant_us("1970-01-01T00:00:01Z", "Asia/Seoul", "--until")
    1000000
    """
    at_us = Times().instant_us(Moments(time_zone).rfc3339(text))
    if at_us is None or at_us < 0:
        raise UsageError(
            f"{option} {text!r} is neither a date such as 2026-11-01 nor a time such as"
            " 2026-11-01T00:00:00Z."
        )
    return at_us
