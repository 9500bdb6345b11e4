"""What is said of the faults is what their runs came to, and what is missing is said as well."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

from stream_app.failpoints import NAMES
from tests.docs import faults
from tests.faults.catalogue import FAULTS
from tests.faults.results import NO_TEST, Row, keep, table
from tests.rig.account import Run
from tests.rig.pulse import Pulse

TESTS = Path(__file__).parents[1]
MARK = re.compile(r"pytest\.mark\.fault\(([^)]*)\)")
NAME = re.compile(r'"(F\d+)"')
RUNS = [Run(7, 1_000, 20, unavailable_seconds=1.25), Run(8, 500, 10, 2, 1, 3.5)]


def _row(fault: str, **outcomes: int) -> Row:
    return Row(fault, list(RUNS), Counter(outcomes), ["no mount"] * outcomes.get("skipped", 0))


def test_a_row_adds_up_its_runs_and_keeps_the_longest_outage() -> None:
    assert _row("F1", passed=2).cells() == (
        *("F1", "2", "1500", "30", "2", "1", "3.5", "7 8", "passed"),
    )


def test_every_fault_has_a_test_that_says_so() -> None:
    sources = [path.read_text() for path in TESTS.rglob("test_*.py")]
    marked = {
        name for text in sources for mark in MARK.findall(text) for name in NAME.findall(mark)
    }
    assert marked == set(FAULTS)


def test_one_failed_test_fails_its_row_and_so_does_none() -> None:
    assert _row("F1", passed=2, failed=1).result == "failed: 1 of 3 tests"
    assert _row("F16", skipped=1).result == "skipped: no mount"
    assert Row("F1").result == NO_TEST
    assert Row("F1").failed


def test_every_row_is_printed_with_what_it_is_about() -> None:
    lines = table([_row("F1", passed=1), Row("F2")])
    assert len(lines) == 3
    assert FAULTS["F1"] in lines[1]
    assert NO_TEST in lines[2]


def test_the_newest_long_form_is_shown_and_a_short_one_where_there_is_none(tmp_path: Path) -> None:
    path, stock = tmp_path / "results.csv", tmp_path / "stock.csv"
    keep([_row("F1", passed=2)], "short", path)
    keep([_row("F1", failed=2), _row("F3", passed=1)], "long", path)
    keep([_row("F1", passed=2), _row("F2", passed=2)], "short", path)
    stock.write_text(
        "date,commit,fault,events,lost,double,note\n"
        "2026-01-01,aaa,F1 kill,9000,50,2000,textbook\n"
        "2026-01-01,aaa,F1 kill,8000,0,0,ours\n"
        "2026-01-02,aaa,F1 kill,1000,6,100,textbook\n"
    )
    with path.open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 5
    found = faults.newest(path)
    assert {fault: row["form"] for fault, row in found.items()} == {
        "F1": "long",
        "F2": "short",
        "F3": "long",
    }
    shown = dict(zip(FAULTS, faults.table(path, stock).splitlines()[2:], strict=True))
    assert "| 2 | 1,500 | 2 | 1 | 3.5 s | 56, 2,100 of 10,000 | long, " in shown["F1"]
    assert "failed: 2 of 2 tests" in shown["F1"]
    assert "| 3.5 s |  | short, " in shown["F2"]
    assert NO_TEST in shown["F4"]


def test_a_state_that_stands_still_is_unavailable_only_while_something_waits() -> None:
    position: dict[int, int | None] = {0: None}
    waits = {0: True}
    pulse = Pulse([0], position.__getitem__, waits.__getitem__)
    pulse.beat(0.0)
    pulse.beat(50.0)
    assert pulse.longest_seconds == 0.0  # no worker has come yet
    position[0] = 10
    pulse.beat(51.0)
    pulse.beat(54.0)
    assert pulse.longest_seconds == 3.0
    waits[0] = False
    pulse.beat(60.0)
    assert pulse.longest_seconds == 3.0
    waits[0] = True
    pulse.beat(62.0)
    position[0] = 11
    pulse.beat(64.5)
    assert pulse.longest_seconds == 3.0
    pulse.beat(69.0)
    assert pulse.longest_seconds == 4.5


def test_every_failpoint_is_armed_by_a_test() -> None:
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].rglob("*.py")]
    unarmed = [name for name in NAMES if not any(f'"{name}' in text for text in texts)]
    assert not unarmed
