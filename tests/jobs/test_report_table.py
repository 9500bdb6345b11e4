"""The report in a terminal: fits it, is coloured there, and says what is missing."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from stream_app.core.calendar import month_from_text
from stream_app.core.cohorts.lines import Known, Metric
from stream_app.core.cohorts.report import Asked, Report, report
from stream_app.core.cohorts.totals import Totals
from stream_app.jobs.report.table import print_report
from tests.core.cdnow_totals import cdnow_totals

JANUARY = month_from_text("1997-01")
LATE = Known(month_from_text("1998-06"), JANUARY)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def cdnow(offsets: int = 11, costs: dict[int, int] | None = None) -> Report:
    columns = cdnow_totals().columns("first-purchase")
    return report(columns, Asked("first-purchase", offsets=offsets), LATE, costs)


def printed(
    made: Report, metric: Metric = "ltr", width: int = 80, terminal: bool = True, money: str = "USD"
) -> str:
    file = io.StringIO()
    system = "truecolor" if terminal else None
    console = Console(file=file, width=width, force_terminal=terminal, color_system=system)  # type: ignore[arg-type]
    print_report(made, metric, money, console)
    return file.getvalue()


@pytest.mark.parametrize("metric", ["ltr", "arpu", "arppu", "active", "paying"])
def test_tables_fit_a_terminal_of_80_characters_with_nothing_cut(metric: Metric) -> None:
    said = COLOUR.sub("", printed(cdnow(costs={JANUARY: 3_000_000, JANUARY + 1: 1}), metric))
    tables = [line for line in said.splitlines() if line.startswith(("1997-", "cohort ", "all "))]
    assert len(tables) == 12
    assert all(len(line) <= 80 for line in tables)
    assert "…" not in said
    assert re.search(r"offsets \d+-11 do not fit into this terminal", said)


def test_a_wide_terminal_shows_every_offset() -> None:
    said = printed(cdnow(35), width=400)
    assert "do not fit" not in said
    assert " 35 " in said


def test_one_offset_is_shown_in_a_narrow_terminal() -> None:
    assert "36.61" in printed(cdnow(), width=26)


def test_digits_stand_below_digits_whatever_their_marks() -> None:
    known = Known(LATE.as_of_month, JANUARY + 1)
    made = report(cdnow_totals().columns("first-purchase"), Asked("first-purchase"), known)
    said = printed(made, terminal=False).splitlines()
    first, second = (next(one for one in said if one.startswith(f"1997-0{n}")) for n in (1, 2))
    assert "36.61?" in first
    assert first.index("36.61") == second.index("39.01")


def test_larger_values_stand_on_darker_ground() -> None:
    line = next(one for one in printed(cdnow(0)).splitlines() if "1997-0" in one)
    assert "\x1b[38;2;0;0;0;48;2;247;251;255m" in line  # the lowest LTR: black on the lightest
    last = next(one for one in printed(cdnow(0)).splitlines() if "1997-03" in one)
    assert "\x1b[38;2;255;255;255;48;2;8;48;107m" in last


def test_without_a_terminal_there_are_no_colours() -> None:
    assert "\x1b" not in printed(cdnow(), terminal=False)


def test_currencies_have_their_own_digits() -> None:
    assert "3,661 " in printed(cdnow(), money="JPY")
    assert "3.661 " in printed(cdnow(), money="KWD")


def test_without_a_cohort_there_is_an_empty_table() -> None:
    made = report(Totals().columns("signup"), Asked("signup"), LATE, {JANUARY: 500})
    said = COLOUR.sub("", printed(made))
    assert "by month of signup" in said
    assert "5.00 USD were spent in 1997-01, a month without a cohort" in said
