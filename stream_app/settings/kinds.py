"""How the text of an environment variable becomes a value, one small reader a kind.

A reader takes the text and returns the value, or raises ValueError. What it takes is said once, in
`Kind.takes`, for error messages and for `ltv settings`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, Literal, TypeVar, get_args

T = TypeVar("T")

Partitioner = Literal["murmur2", "crc32", "trust"]
KafkaSecurity = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
LogFormat = Literal["auto", "console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_ENDPOINT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:,\[\]/@]+):([0-9]{1,5})")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A reader of text, and the words for what it takes."""

    read: Callable[[str], T]
    takes: str


def text(takes: str, pattern: str) -> Kind[str]:
    """Text that the whole pattern matches."""
    compiled = re.compile(pattern)

    def read(given: str) -> str:
        if compiled.fullmatch(given) is None:
            raise ValueError
        return given

    return Kind(read, takes)


def path() -> Kind[str]:
    """A path of a file; it is not opened here."""
    return Kind(str, "a path, or nothing")


def words(takes: str) -> Kind[str]:
    """Any text; ``takes`` says what it is."""
    return Kind(str, takes)


def integer(low: int, high: int) -> Kind[int]:
    """A whole number between two bounds, both included."""

    def read(given: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", given):
            raise ValueError
        return _within(int(given), low, high)

    return Kind(read, f"a whole number from {low} to {high}")


def number(low: float, high: float) -> Kind[float]:
    """A finite decimal number between two bounds, both included."""

    def read(given: str) -> float:
        if not re.fullmatch(r"[+-]?[0-9.]{1,30}(e[+-]?[0-9]{1,3})?", given, re.IGNORECASE):
            raise ValueError
        return _within(float(given), low, high)

    return Kind(read, f"a number from {low:g} to {high:g}")


def switch() -> Kind[bool]:
    """Yes or no."""

    def read(given: str) -> bool:
        if given.lower() not in _TRUE | _FALSE:
            raise ValueError
        return given.lower() in _TRUE

    return Kind(read, "1, true, yes, on, or 0, false, no, off")


def choice(words: Any) -> Kind[Any]:
    """One of a Literal's words, in any case; the value is the word as the Literal writes it."""
    values: tuple[str, ...] = get_args(words)
    spellings = {value.lower(): value for value in values}

    def read(given: str) -> str:
        return spellings[given.lower()]

    return Kind(read, f"one of {', '.join(values)}")


def endpoints() -> Kind[str]:
    """`host:port,host:port`, as Kafka's `bootstrap.servers`."""

    def read(given: str) -> str:
        found = [_ENDPOINT.fullmatch(part.strip()) for part in given.split(",")]
        if not all(match and 0 < int(match.group(2)) < 65536 for match in found):
            raise ValueError
        return ",".join(match.group(0) for match in found if match)

    return Kind(read, "host:port, or several separated by commas")


def redis_url() -> Kind[str]:
    """`redis://`, `rediss://` (TLS), `unix://`, or `redis+sentinel://`."""
    return text(
        "a URL such as redis://127.0.0.1:6379/0, rediss://user:password@host:6380/0,"
        " unix:///path?db=0 or redis+sentinel://host:26379,host:26379/name/0",
        r"(rediss?|unix|rediss?\+sentinel)://\S+",
    )


def topic() -> Kind[str]:
    """A legal name of a Kafka topic."""

    def read(given: str) -> str:
        if not _TOPIC.fullmatch(given) or given in {".", ".."}:
            raise ValueError
        return given

    return Kind(read, "a topic name: 1-249 letters, digits, '.', '_' or '-'")


def zone() -> Kind[str]:
    """A time zone of the tz database."""

    def read(given: str) -> str:
        from zoneinfo import ZoneInfo  # 5 ms that most commands never need

        try:
            return given if given == "UTC" else ZoneInfo(given).key
        except Exception as error:  # ZoneInfo raises many types for odd names
            raise ValueError from error

    return Kind(read, "a name of the tz database, such as UTC or Asia/Seoul")


def two_days() -> Kind[tuple[int, int]]:
    """Two growing counts of days, `90/180`."""

    def read(given: str) -> tuple[int, int]:
        match = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", given)
        if match is None or int(match[1]) >= int(match[2]):
            raise ValueError
        return int(match[1]), int(match[2])

    return Kind(read, "two growing numbers of days, such as 90/180")


def day() -> Kind[str]:
    """A calendar date, or nothing."""

    def read(given: str) -> str:
        return date.fromisoformat(given).isoformat() if given else ""

    return Kind(read, "a date, YYYY-MM-DD, or nothing")


def as_of() -> Kind[str]:
    """Nothing, `event-time`, a date, or an RFC 3339 time with an offset."""

    def read(given: str) -> str:
        if given in {"", "event-time"}:
            return given
        if re.fullmatch(r"\d{4}-\d\d-\d\d", given, re.ASCII):
            return date.fromisoformat(given).isoformat()
        if datetime.fromisoformat(given).tzinfo is None:
            raise ValueError
        return given

    return Kind(
        read,
        "nothing (the wall clock), event-time, a date, or a time with its offset"
        " such as 1998-06-30T12:00:00Z",
    )


N = TypeVar("N", int, float)


def _within(value: N, low: N, high: N) -> N:
    if not low <= value <= high:  # NaN fails too
        raise ValueError
    return value
