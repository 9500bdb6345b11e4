"""The latest cohorts in two numbers each: nobody left out, and a bounded number of names."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.calendar import month_from_text, month_text
from stream_app.core.cohorts.cells import NO_MONTH_NAMES, TABLES, Table
from stream_app.core.cohorts.recent import EARLIER, MONTHS, recent
from tests.core.cohort_logs import LOGS, Following, Log, expected, record_of

NEWEST = ("2026-02", "2024-02", "1970-12", "2030-01")


@pytest.mark.parametrize("table", TABLES)
@given(log=LOGS, newest=st.sampled_from(NEWEST))
@settings(max_examples=60)
def test_members_and_money_by_name_equal_the_oracle(table: Table, log: Log, newest: str) -> None:
    records = [record_of(event) for event in log]
    following = Following()
    following.take(records)
    members: Counter[str] = Counter()
    money: Counter[str] = Counter()
    for (_, month), cohort in expected(records, "UTC")[table].items():
        name = _named(month, newest, NO_MONTH_NAMES[table])
        members[name] += cohort.members
        money[name] += sum(cell[4] - cell[5] for cell in cohort.cells.values())
    found = recent(following.totals.columns(table), table, month_from_text(newest))
    assert {name: one.members for name, one in found.items() if one.members} == +members
    assert {name: one.net_minor for name, one in found.items()} == {n: money[n] for n in found}


def test_there_are_as_many_names_for_a_shop_without_customers() -> None:
    found = recent(Following().totals.columns("signup"), "signup", month_from_text("2024-02"))
    assert list(found) == [
        *(month_text(month_from_text("2023-03") + place) for place in range(MONTHS)),
        EARLIER,
        "unknown",
    ]
    assert set(found.values()) == {(0, 0)}


def _named(month: str | None, newest: str, none: str) -> str:
    """What a cohort should be called."""
    if month is None:
        return none
    first = month_text(month_from_text(newest) - MONTHS + 1)
    return min(month, newest) if month >= first else EARLIER
