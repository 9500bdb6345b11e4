"""The newest figure of each name in tests/bench/results.csv, machine by machine."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.bench.results import FILE

NONE_YET = "No figures have been recorded yet: `make bench` measures, and appends them."


def newest(path: Path = FILE) -> list[dict[str, str]]:
    """The last row of each figure, in the order in which the figures first came."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list({row["figure"]: row for row in csv.DictReader(file)}.values())


def table(path: Path = FILE) -> str:
    """A table a machine; what was measured when and where stands beside the number."""
    rows = newest(path)
    parts = [
        f"On {machine}:\n\n" + _of_machine([row for row in rows if row["machine"] == machine])
        for machine in dict.fromkeys(row["machine"] for row in rows)
    ]
    return "\n\n".join(parts) or NONE_YET


def _of_machine(rows: list[dict[str, str]]) -> str:
    header = (
        "| figure | measured | aim | when | commit | note |\n| --- | --: | --- | --- | --- | --- |"
    )
    lines = [
        f"| {row['figure']} | {_plain(row['value'])} {row['unit']} | {row['target']} |"
        f" {row['date'][:10]} | {row['commit']} | {row['note']} |"
        for row in rows
    ]
    return "\n".join([header, *lines])


def _plain(value: str) -> str:
    """Without an exponent, with thousands set apart.

    >>> _plain("6.123e+04"), _plain("8.4"), _plain("0.012")
    ('61,230', '8.4', '0.012')
    """
    number = float(value)
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"
