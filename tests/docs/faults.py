"""The newest row of each fault, the long form before the short one, beside stock Faust's."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.faults.catalogue import FAULTS
from tests.faults.results import FILE, NO_TEST

STOCK = FILE.with_name("stock.csv")
NONE_YET = "No run has been recorded yet: `make faults` breaks everything, and appends its rows."
HEADER = (
    "| fault | runs | events | lost | double | longest unavailability |"
    " stock Faust lost, double | form, day, commit | result |\n"
    "| --- | --: | --: | --: | --: | --: | --- | --- | --- |"
)


def newest(path: Path = FILE) -> dict[str, dict[str, str]]:
    """By fault the last row of its long form; where there is none, of its short form."""
    found: dict[str, dict[str, str]] = {}
    for row in _rows(path):
        before = found.get(row["fault"])
        if before is None or before["form"] == row["form"] or row["form"] == "long":
            found[row["fault"]] = row
    return found


def table(path: Path = FILE, stock: Path = STOCK) -> str:
    """A row for each fault there is, also where it was never made."""
    if not path.exists():
        return NONE_YET
    rows, theirs = newest(path), _of_stock_faust(stock)
    return "\n".join([HEADER, *(_line(fault, rows.get(fault), theirs) for fault in FAULTS)])


def _of_stock_faust(path: Path) -> dict[str, tuple[int, int, int]]:
    """By fault the events of all its runs, and how many were lost and counted twice; our own runs
    stand beside them in the file."""
    found: dict[str, tuple[int, int, int]] = {}
    for row in _rows(path):
        if not row["note"].startswith("ours"):
            fault = row["fault"].partition(" ")[0]
            events, lost, double = found.get(fault, (0, 0, 0))
            found[fault] = (
                events + int(row["events"]), lost + int(row["lost"]), double + int(row["double"])
            )  # fmt: skip
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _line(fault: str, row: dict[str, str] | None, theirs: dict[str, tuple[int, int, int]]) -> str:
    events, lost, double = theirs.get(fault, (0, 0, 0))
    other = f"{lost:,}, {double:,} of {events:,}" if events else ""
    if row is None:
        cells = ["", "", "", "", "", other, "", NO_TEST]
    else:
        away = row["longest_unavailability_s"]
        cells = [
            *(_grouped(row[name]) for name in ("runs", "events", "lost", "double")),
            f"{away} s" if away else "",
            other,
            f"{row['form']}, {row['date'][:10]}, {row['commit']}",
            row["result"].replace("|", "\\|"),
        ]
    return f"| {' | '.join([f'{fault}: {FAULTS[fault]}', *cells])} |"


def _grouped(number: str) -> str:
    """With thousands set apart.

    >>> _grouped("1234567"), _grouped("")
    ('1,234,567', '')
    """
    return f"{int(number):,}" if number else ""
