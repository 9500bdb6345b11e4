"""Logs for the laws of cohort totals: few customers, orders and days, so that much coincides."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

from stream_app.core.cohorts.cells import TABLES, cell_name
from stream_app.core.cohorts.totals import Totals
from stream_app.core.customer import Customer
from stream_app.wire.record import Record
from stream_app.wire.refusal import Refusal
from tests.core import naive_cohort
from tests.core.naive_cohort import Cohorts
from tests.core.naive_decoder import RawRecord, Refused, judge
from tests.core.test_naive_equality import decoders_of

ROLES = {"signup": "signups", "activity": "activity"}
LATEST_MS = 1_924_992_000_000  # 2031
DAYS = (
    "1970-01-01", "2021-12-31", "2023-01-01", "2023-01-31", "2023-02-01", "2023-02-15",
    "2023-03-31", "2024-02-29", "2025-12-31", "2026-01-01", "2026-02-01",
)  # fmt: skip
CHANNELS = (None, "ad", "ads", "sevenup", "eightup!", "überm", "a" * 15, "b" * 16, "x" * 23,
            "ä" * 12, "y" * 64)  # fmt: skip
"""Of the lengths at which a channel fills a word, or more than three."""


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """One event of one of four customers."""
    kinds = ("purchase", "purchase", "refund", "cancellation", "signup", "activity")
    kind = draw(st.sampled_from(kinds))
    number = draw(st.integers(0, 9))
    clock = draw(st.sampled_from(("T00:30:00Z", "T12:00:00Z", "T23:30:00Z")))
    event: dict[str, Any] = {
        "type": kind,
        "customer_id": draw(st.sampled_from(("ann", "bob", "cid", "dot"))),
        "event_id": f"e{number}",
        "occurred_at": draw(st.sampled_from(DAYS)) + clock,
    }
    if kind == "signup":
        return event | {"channel": draw(st.sampled_from(CHANNELS))}
    if kind == "activity":
        return event
    event |= {"order_id": f"o{number}"} | draw(money())
    return event | {"ordered_at": event["occurred_at"]} if kind == "cancellation" else event


@st.composite
def money(draw: st.DrawFn) -> dict[str, str]:
    """Small amounts mostly; amounts at a nonsense rate, and some without any."""
    amount = draw(st.sampled_from(("0", "1", "2.50", "19.99", "9999999999999.99")))
    kind = draw(st.sampled_from(("USD", "USD", "USD", "EUR", "rated", "nonsense")))
    if kind == "USD":
        return {"amount": amount, "currency": "USD"}
    rates = {"EUR": {}, "rated": {"fx_rate": "1.25"}, "nonsense": {"fx_rate": "999999999.99"}}
    return {"amount": amount, "currency": "EUR", **rates[kind]}


Log = list[dict[str, Any]]
LOGS = st.lists(events(), max_size=40)


def record_of(event: dict[str, Any]) -> RawRecord:
    """The event as it would lie in Kafka."""
    role = ROLES.get(event["type"], "purchases")
    value = json.dumps(event).encode()
    return RawRecord(role, event["customer_id"].encode(), value, LATEST_MS)


def expected(records: Iterable[RawRecord], time_zone: str) -> dict[str, Cohorts]:
    """What the oracle counts."""
    return naive_cohort.cohorts(accepted(records), time_zone=time_zone)


def accepted(records: Iterable[RawRecord]) -> Iterator[dict[str, Any]]:
    """The events of the records that are not refused."""
    for raw in records:
        try:
            yield judge(raw)
        except Refused:
            continue


def shown(totals: Totals) -> dict[str, Cohorts]:
    """Totals in the form of the oracle."""
    found: dict[str, Cohorts] = {}
    for table in TABLES:
        found[table] = {}
        for (_, channel, month), cohort in totals.cohorts(table).items():
            name = None if month is None else f"{1970 + month // 12:04d}-{month % 12 + 1:02d}"
            cells = {cell_name(place): tuple(cell) for place, cell in cohort.cells.items()}
            own = naive_cohort.Cohort(cohort.members, cohort.buyers, cells)  # type: ignore[arg-type]
            own.second_after.update(cohort.second_after)
            found[table][channel, name] = own
    return found


def scan(customers: Iterable[Customer], at_once: int = 7) -> Totals:
    """Totals of customers, counted in pieces."""
    totals, listed = Totals(), list(customers)
    for start in range(0, len(listed), at_once):
        totals.add(listed[start : start + at_once])
    return totals


class Following:
    """Customers that are folded, and totals that follow them by differences alone."""

    def __init__(self, time_zone: str = "UTC") -> None:
        self.totals = Totals()
        self.customers: dict[str, Customer] = {}
        self._decoders = decoders_of(time_zone, "USD")

    def take(self, records: Iterable[RawRecord]) -> None:
        """Fold the next records, and count whom they changed instead of who they were."""
        changed: dict[str, Customer] = {}
        for raw in records:
            stamp = -1 if raw.timestamp_ms is None else raw.timestamp_ms
            record = Record(raw.role, 0, 0, stamp, raw.key, raw.value, raw.headers)
            event = self._decoders[raw.role].decode(record)
            if not isinstance(event, Refusal):
                key = event.customer_id
                if key not in changed:
                    changed[key] = self.customers.get(key, Customer()).copy()
                changed[key].apply(event)
        self.totals.change([self.customers.get(key) for key in changed], list(changed.values()))
        self.customers |= changed


def chunks(records: Sequence[RawRecord], sizes: Iterator[int]) -> Iterator[Sequence[RawRecord]]:
    """The records in pieces of these sizes."""
    start = 0
    while start < len(records):
        size = next(sizes)
        yield records[start : start + size]
        start += size
