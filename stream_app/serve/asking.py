"""Questions as they come in an address: every parameter is known, read and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeVar, cast

from multidict import MultiMapping

from stream_app.core.calendar import month_from_text
from stream_app.core.cohorts.cells import OFFSETS, TABLES, Table
from stream_app.core.cohorts.lines import METRICS, Metric
from stream_app.core.cohorts.report import Asked
from stream_app.serve.trouble import BadQuestion, Wrong

T = TypeVar("T")

REPORT: Final = ("by", "channel", "from", "to", "metric", "offsets")
MOST_CHANNEL: Final = 64
"""Characters of a channel's name."""


class Question(NamedTuple):
    """What part of the totals is asked for."""

    by: Table = "signup"
    channel: str | None = None
    """Empty: customers without one; None: everybody."""
    first: int | None = None
    last: int | None = None
    metric: Metric | None = None
    """None: all of them."""
    offsets: int = 11

    @property
    def asked(self) -> Asked:
        """For the report."""
        return Asked(self.by, self.channel, self.first, self.last, self.offsets)


def known_only(query: MultiMapping[str], known: Iterable[str]) -> None:
    """BadQuestion where a parameter is unknown, or given twice."""
    names = list(dict.fromkeys(query))
    wrong = [
        Wrong(name, f"there is no such parameter; there are {', '.join(known) or 'none'}")
        for name in names
        if name not in known
    ]
    wrong += [
        Wrong(name, "it is given twice")
        for name in names
        if name in known and len(query.getall(name)) > 1
    ]
    if wrong:
        raise BadQuestion(wrong)


def question(query: MultiMapping[str], *, empty_is_all: bool = False) -> Question:
    """A report's parameters; BadQuestion names each that is wrong.

    `empty_is_all` is for forms, which send what was left empty.
    """
    known_only(query, REPORT)
    wrong: list[Wrong] = []

    def read(name: str, how: Callable[[str], T], default: T) -> T:
        text = query.get(name)
        if text is None or (empty_is_all and text == ""):
            return default
        try:
            return how(text)
        except ValueError as error:
            wrong.append(Wrong(name, str(error)))
            return default

    found = Question(
        cast(Table, read("by", lambda text: _one_of(TABLES, text), "signup")),
        read("channel", _channel, None),
        read("from", _month, None),
        read("to", _month, None),
        cast("Metric | None", read("metric", lambda text: _one_of(METRICS, text), None)),
        read("offsets", _offsets, 11),
    )
    if found.first is not None and found.last is not None and found.first > found.last:
        wrong.append(Wrong("from", f"{query['from']} is after {query['to']}"))
    if wrong:
        raise BadQuestion(wrong)
    return found


def _one_of(words: tuple[str, ...], text: str) -> str:
    if text not in words:
        raise ValueError(f"{text!a} is none of {', '.join(words)}")
    return text


def _month(text: str) -> int | None:
    return month_from_text(text)


def _channel(text: str) -> str | None:
    if len(text) > MOST_CHANNEL:
        raise ValueError(f"a channel has at most {MOST_CHANNEL} characters, and this {len(text)}")
    return text


def _offsets(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 2 and int(text) < OFFSETS):
        raise ValueError(f"{text!a} is not a whole number from 0 to {OFFSETS - 1}")
    return int(text)
