"""The oracle of cohort totals: every cell counted by definition from a list of every event.

For each customer and each calendar month it looks through all of the customer's events once more.
It shares no code with the product; money and months are those of plain dicts, as
`naive_decoder.judge` gives them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.core import naive
from tests.core.naive_time import business_day, date_text

Event = dict[str, Any]
Dated = tuple[int, str, Event]
"""An event with its business day and month."""
Numbers = tuple[int, int, int, int, int, int]
"""active, payers, orders, purchase days, gross, refunds"""
LAST_OFFSET = 35


@dataclass
class Cohort:
    """One cohort; cells of zeros are left out."""

    members: int = 0
    buyers: int = 0
    cells: dict[str, Numbers] = field(default_factory=dict)
    second_after: Counter[int] = field(default_factory=Counter)


Cohorts = dict[tuple[str | None, str | None], Cohort]
"""By channel and month, `YYYY-MM`."""


def cohorts(events: Iterable[Event], *, time_zone: str = "UTC") -> dict[str, Cohorts]:
    """The tables by signup and by first purchase, of all customers whose events these are."""
    tables: dict[str, Cohorts] = {
        name: defaultdict(Cohort) for name in ("signup", "first-purchase")
    }
    for own in naive.by_customer(events).values():
        _add(tables, naive.distinct(own), time_zone)
    for table in tables.values():
        for cohort in table.values():
            cohort.cells = {name: cell for name, cell in cohort.cells.items() if any(cell)}
    return {name: dict(table) for name, table in tables.items()}


def _add(tables: dict[str, Cohorts], events: list[Event], time_zone: str) -> None:
    dated = [(day := _day(event, time_zone), _month(day), event) for event in events]
    bought = _purchase_days(dated)
    signup = _signup(dated)
    signed_up, channel = (None, None) if signup is None else (signup[1], signup[2]["channel"])
    months = {month for _, month, _ in dated}
    for name, own in (
        ("signup", signed_up),
        ("first-purchase", _month(bought[0]) if bought else None),
    ):
        cohort = tables[name][channel, own]
        cohort.members += 1
        cohort.buyers += bool(bought)
        if len(bought) > 1:
            cohort.second_after[bought[1] - bought[0]] += 1
        for month in months:
            cell = _cell(own, month)
            before = cohort.cells.get(cell, (0,) * 6)
            sums = (a + b for a, b in zip(before, _in(month, dated, bought), strict=True))
            cohort.cells[cell] = tuple(sums)  # type: ignore[assignment]


def _in(month: str, dated: list[Dated], bought: list[int]) -> Numbers:
    """What one customer did in one month."""
    ours = [event for _, own, event in dated if own == month]
    visited = any(event["type"] == "activity" for event in ours)
    orders = gross = refunds = 0
    for event in ours:
        base = event.get("base_minor") or 0
        if event["type"] == "purchase":
            orders, gross = orders + 1, gross + base
        elif event["type"] == "cancellation":
            orders, gross = orders - 1, gross - base
        elif event["type"] == "refund":
            refunds += base
    purchase_days = len({day for day, own, _ in dated if own == month} & set(bought))
    active = visited or purchase_days > 0
    return int(active), int(gross - refunds > 0), orders, purchase_days, gross, refunds


def _purchase_days(dated: list[Dated]) -> list[int]:
    """Days with more purchases than cancellations, in order."""
    orders: Counter[int] = Counter()
    for day, _, event in dated:
        if event["type"] in ("purchase", "cancellation"):
            orders[day] += 1 if event["type"] == "purchase" else -1
    return sorted(day for day, count in orders.items() if count >= 1)


def _signup(dated: list[Dated]) -> Dated | None:
    found = [one for one in dated if one[2]["type"] == "signup"]
    order = lambda one: (one[2]["at_us"], one[2]["event_id"], one[2]["channel"] or "")  # noqa: E731
    return min(found, key=order, default=None)


def _day(event: Event, time_zone: str) -> int:
    """A cancellation is on the day of its purchase."""
    at_us: int = event["ordered_us"] if event["type"] == "cancellation" else event["at_us"]
    return business_day(at_us, time_zone)


def _month(day: int) -> str:
    return date_text(day)[:7]


def _cell(cohort: str | None, month: str) -> str:
    if cohort is None:
        return "undated"
    years, months = (
        int(b) - int(a) for a, b in zip(cohort.split("-"), month.split("-"), strict=True)
    )
    offset = years * 12 + months
    return "before" if offset < 0 else "after" if offset > LAST_OFFSET else str(offset)
