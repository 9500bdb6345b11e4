"""Rows that are not plain, judged one by one by the decoder that judges a worker's records."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, TextIO

import msgspec

from stream_app.core.calendar import DAY_US, Calendar
from stream_app.core.days import LAST_DAY
from stream_app.core.events import Activity, Cancellation, Event, Purchase, Refund, Signup
from stream_app.core.money import MAX_MINOR
from stream_app.errors import UsageError
from stream_app.jobs.backfill.plain import KINDS
from stream_app.jobs.backfill.sources import Source
from stream_app.jobs.send.files import Row
from stream_app.jobs.send.messages import Messages, Refused
from stream_app.settings import Settings
from stream_app.wire.events import Decoder
from stream_app.wire.record import Record
from stream_app.wire.refusal import Refusal

STAMP_MS: Final = LAST_DAY * DAY_US // 1_000
"""The timestamp that rows are judged by: later than any, since what is past the cut is left out
whatever its time, and `ordered_at` is held against `occurred_at`."""

_KIND_OF: Final = {
    kind: place for place, kind in enumerate((Purchase, Refund, Cancellation, Signup, Activity))
}
assert len(_KIND_OF) == len(KINDS)


class RefusedRow(NamedTuple):
    """A row that a worker would refuse: where it stands, why, and what it says."""

    source: str
    row: int
    reason: str
    detail: str
    cells: str
    """As JSON."""


class RefusedFile:
    """Where refused rows go, as CSV: made when there is a first one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reasons: Counter[str] = Counter()
        self._file: TextIO | None = None

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.reasons.total()

    def add(self, row: RefusedRow) -> None:
        """Count one and write it down."""
        self.reasons[row.reason] += 1
        if self._file is None:
            try:
                self._file = self.path.open("w", encoding="utf-8", newline="")
            except OSError as error:
                raise UsageError(f"--refused {self.path} can't be written: {error}") from None
            csv.writer(self._file).writerow(RefusedRow._fields)
        csv.writer(self._file).writerow(row)

    def close(self) -> None:
        """All is written."""
        if self._file is not None:
            self._file.close()


@dataclass
class Judged:
    """What came of the rows that were judged."""

    accepted: int = 0
    without_id: int = 0
    """Accepted money events and signups whose row has no event id."""


class Judge:
    """Judges the rows of one source; what is accepted is written as JSON lines (staging.py)."""

    def __init__(
        self,
        settings: Settings,
        number: int,
        source: Source,
        out: IO[bytes],
        refused: RefusedFile,
        found: Judged,
    ) -> None:
        calendar = Calendar(settings.time_zone)
        self._decoders = {
            role: Decoder(role, calendar, settings.currency, settings.max_value)
            for role in ("purchases", "signups", "activity")
        }
        self._messages = Messages(settings, source.kind)
        self._number = number
        self._name = source.name
        self._out = out
        self._refused = refused
        self._found = found
        self._encode = msgspec.json.Encoder().encode

    def judge(self, rows: Iterator[Row]) -> Iterator[int]:
        """Judge rows in their order; yields 1 for each."""
        for row in rows:
            given = dict(row.fields)
            event = self._event(row)
            if isinstance(event, Refused):
                cells = msgspec.json.encode(given, enc_hook=str).decode()
                self._refused.add(
                    RefusedRow(self._name, row.line, event.reason, event.detail, cells)
                )
            else:
                self._found.accepted += 1
                if "event_id" not in given and not isinstance(event, Activity):
                    self._found.without_id += 1
                self._out.write(self._encode(_columns(event, self._number, row.line - 1)) + b"\n")
            yield 1

    def _event(self, row: Row) -> Event | Refused:
        message = self._messages.message_of(row)
        if isinstance(message, Refused):
            return message
        record = Record("", 0, 0, STAMP_MS, message.key, message.value)
        event = self._decoders[message.role].decode(record)
        if isinstance(event, Refusal):
            return Refused(row.line, str(event.reason), event.detail)
        return event


def _columns(event: Event, source: int, seq: int) -> dict[str, Any]:
    """An event as a row of the staging's columns."""
    common = {
        "source": source,
        "seq": seq,
        "kind": _KIND_OF[type(event)],
        "customer_id": event.customer_id,
        "identity": event.order_id if isinstance(event, Cancellation) else event.event_id,
        "at_us": event.at_us,
        "at_local": False,
        "ordered_us": None,
        "ordered_local": False,
        "minor": None,
        "channel": event.channel if isinstance(event, Signup) else None,
        "day": event.day,
        "special": None,
    }
    if isinstance(event, Purchase | Refund | Cancellation):
        base = event.base_minor
        if base is not None and base <= MAX_MINOR:
            common["minor"] = base
        else:
            money = Special(event.currency, event.amount_minor, None if base is None else str(base))
            common["special"] = msgspec.json.encode(money).decode()
    return common


class Special(msgspec.Struct, array_like=True):
    """Money that is not a number of base minor units of the usual size."""

    currency: str
    amount_minor: int
    base_minor: str | None
    """In digits; None where the order came without a rate."""


def special_of(text: str) -> Special:
    """The reverse of how it is written."""
    return _SPECIAL(text)


_SPECIAL: Final = msgspec.json.Decoder(Special).decode
