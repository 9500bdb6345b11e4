"""schemas/state.md is enough to read a state: a reader written from the page alone says so."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from stream_app.core.customer import Customer
from stream_app.wire.state import encode
from tests.core import naive
from tests.core.naive_decoder import judge
from tests.core.naive_time import business_day
from tests.core.test_naive_equality import events, fold, record_of

FOLDER = Path(__file__).parent.parent.parent / "schemas"
WIDTHS = ((1, 2, 4, 8), (4, 7, 16, 32), (0, 4, 7, 16, 32))


class Bytes:
    """Takes numbers from the front of some bytes."""

    def __init__(self, held: bytes) -> None:
        self.held = held

    def take(self, count: int) -> bytes:
        taken, self.held = self.held[:count], self.held[count:]
        assert len(taken) == count
        return taken

    def number(self, count: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(count), "little", signed=signed)


def read(state: bytes) -> dict[str, Any]:
    """A state by the page: the JSON form of state.schema.json."""
    left = Bytes(state)
    version, code, bits = left.number(1), left.number(1), left.number(1)
    count, applied = left.number(2), left.number(8)
    days = [_row(left, code) for _ in range(count)]
    found = {bit: left.take(left.number(2)) for bit in (1, 2, 4) if bits & bit}
    return {
        "version": version,
        "applied": applied,
        "days": days,
        "signup": _signup(found[1]) if 1 in found else None,
        "active_months": _months(found.get(2, b"")),
        "other_currencies": _currencies(Bytes(found.get(4, b""))),
        "identities": [_identity(left) for _ in range(min(applied, 1024))],
    } | ({"left over": left.held} if left.held else {})


def _row(left: Bytes, code: int) -> dict[str, int]:
    widths = WIDTHS[0][code // 20], WIDTHS[1][code // 5 % 4], WIDTHS[2][code % 5]
    names = ("orders", "gross_minor", "refunds_minor")
    day = left.number(2) - 1
    numbers = {n: left.number(w, signed=True) for n, w in zip(names, widths, strict=True)}
    return {"day": day} | numbers


def _signup(section: bytes) -> dict[str, Any]:
    event_id, channel = section[10:].split(b"\0")
    return {
        "at_us": int.from_bytes(section[:8], "big"),
        "day": int.from_bytes(section[8:10], "big") - 1,
        "event_id": event_id.decode(),
        "channel": channel.decode() if channel else None,
    }


def _months(section: bytes) -> list[int]:
    first = int.from_bytes(section[:2], "little") - 1
    return [
        first + 8 * place + bit
        for place, byte in enumerate(section[2:])
        for bit in range(8)
        if byte & 1 << bit
    ]


def _currencies(left: Bytes) -> dict[str, dict[str, int]]:
    found = {}
    while left.held:
        code = left.take(3).decode()
        gross = left.number(left.number(1), signed=True)
        refunds = left.number(left.number(1), signed=True)
        found[code] = {"gross_minor": gross, "refunds_minor": refunds}
    return found


def _identity(left: Bytes) -> dict[str, Any]:
    return {"day": int.from_bytes(left.take(2), "big") - 1, "hash": left.take(8).hex()}


def expected(own: list[dict[str, Any]], time_zone: str) -> dict[str, Any]:
    """The same form from the oracle's facts; at most 1,024 identities."""
    facts = naive.facts(own, time_zone=time_zone)
    names = ("orders", "gross_minor", "refunds_minor")
    return {
        "version": 1,
        "applied": facts.identities,
        "days": [
            {"day": day} | dict(zip(names, sums, strict=True))
            for day, sums in sorted(facts.days.items())
        ],
        "signup": facts.signup
        and {
            "at_us": facts.signup[0],
            "day": business_day(facts.signup[0], time_zone),
            "event_id": facts.signup[1],
            "channel": facts.signup[2],
        },
        "active_months": sorted(facts.activity_months),
        "other_currencies": {
            code: dict(zip(names[1:], sums, strict=True))
            for code, sums in facts.other_currencies.items()
        },
        "identities": sorted(
            (
                {"day": business_day(event["at_us"], time_zone), "hash": _hash(event)}
                for event in naive.distinct(own)
                if event["type"] != "activity"
            ),
            key=lambda entry: (entry["day"], entry["hash"]),
        ),
    }


def _hash(event: dict[str, Any]) -> str:
    _, kind, own = naive.identity(event)
    return sha256(f"{kind}\0{own}".encode()).hexdigest()[:16]


def _validator() -> Draft202012Validator:
    schema, common = (
        json.loads((FOLDER / f"{name}.schema.json").read_text()) for name in ("state", "common")
    )
    registry = Registry().with_resource("common.schema.json", Resource.from_contents(common))
    return Draft202012Validator(schema, registry=registry)


@given(st.lists(events(), max_size=40))
@settings(max_examples=60, deadline=None)
def test_a_reader_written_from_the_page_reads_what_was_applied(log: list[dict[str, Any]]) -> None:
    zone = "America/New_York"
    records = [record_of(event) for event in log]
    customers, _ = fold(records, zone)
    grouped = naive.by_customer(judge(record) for record in records)
    validator = _validator()
    for key, own in grouped.items():
        found = read(encode(customers[key]))
        assert found == expected(own, zone)
        validator.validate(found)


def test_an_empty_state_is_thirteen_bytes() -> None:
    assert read(encode(Customer()))["applied"] == 0
    assert len(encode(Customer())) == 13
