"""Reads `schemas/examples`: one record a file, the format described in schemas/README.md."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.core.naive_decoder import RawRecord, judge, reason_of

FOLDER = Path(__file__).parent.parent / "schemas" / "examples"


@dataclass(frozen=True)
class Example:
    """A record, and what must come of it: an event, or the reason for a refusal."""

    name: str
    raw: RawRecord
    rules: dict[str, Any]  # currency, time_zone, partitions: only what differs from the defaults
    event: dict[str, Any] | None
    expected_reason: str | None

    def judged(self) -> dict[str, Any]:
        """The event, by the oracle."""
        return judge(self.raw, **self._rules())

    def reason(self) -> str | None:
        """The reason for a refusal, by the oracle."""
        return reason_of(self.raw, **self._rules())

    def _rules(self) -> dict[str, Any]:
        return {name: rule for name, rule in self.rules.items() if name != "time_zone"}


def load_text(text: str, name: str = "") -> Example:
    """An example from the text of its file."""
    record = json.loads(text)
    headers = tuple((header["name"], _bytes(header) or b"") for header in record.get("headers", ()))
    raw = RawRecord(
        role=record["topic"],
        key=_bytes(record, "key"),
        value=_bytes(record),
        timestamp_ms=record["timestamp_ms"],
        headers=headers,
        partition=record.get("partition", 0),
    )
    rules = record.get("settings", {})
    return Example(name, raw, rules, record.get("event"), record.get("reason"))


def _bytes(record: dict[str, Any], field: str = "value") -> bytes | None:
    if f"{field}_base64" in record:
        return base64.b64decode(record[f"{field}_base64"])
    if f"{field}_parts" in record:
        return b"".join(_part(part) for part in record[f"{field}_parts"])
    text: str | None = record[field]
    return None if text is None else text.encode()


def _part(part: str | dict[str, Any]) -> bytes:
    return part.encode() if isinstance(part, str) else part["repeat"].encode() * part["times"]


@cache
def accepted() -> tuple[Example, ...]:
    """Every record that must be taken, by name."""
    return tuple(_load(path) for path in sorted((FOLDER / "accepted").glob("*.json")))


@cache
def refused() -> tuple[Example, ...]:
    """Every record that must be refused, by reason and name."""
    return tuple(_load(path) for path in sorted((FOLDER / "refused").glob("*/*.json")))


def _load(path: Path) -> Example:
    name = str(path.relative_to(FOLDER).with_suffix(""))
    return load_text(path.read_text(encoding="utf-8"), name)
