"""Figures: printed as a table, appended to results.csv with date, commit and machine."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

FILE = Path(__file__).with_name("results.csv")
COLUMNS = ("date", "commit", "machine", "figure", "value", "unit", "target", "note")


@dataclass(frozen=True)
class Figure:
    """One measured number; ``target`` is what we promised, as text."""

    name: str
    value: float
    unit: str
    target: str = ""
    note: str = ""


def show(figures: list[Figure]) -> None:
    """One line a figure."""
    for figure in figures:
        target = f"   target {figure.target}" if figure.target else ""
        note = f"   ({figure.note})" if figure.note else ""
        print(f"{figure.name:44} {figure.value:12,.2f} {figure.unit:18}{target}{note}", flush=True)


def keep(figures: list[Figure]) -> None:
    """Append to the file; the file is the history of the product's speed."""
    is_new = not FILE.exists()
    with FILE.open("a", newline="") as out:
        rows = csv.writer(out)
        if is_new:
            rows.writerow(COLUMNS)
        for one in figures:
            rows.writerow(
                (
                    *(date(), commit(), _machine()),
                    *(one.name, f"{one.value:.4g}", one.unit, one.target, one.note),
                )
            )


def date() -> str:
    """Now, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")


def commit() -> str:
    """What is checked out; ``-dirty`` where more than tables of results was changed."""
    name = _git("describe", "--always") or "unknown"
    changed = _git(
        "status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)tests/**/*.csv"
    )
    return f"{name}-dirty" if changed else name


def _git(*words: str) -> str:
    asked = subprocess.run(
        ["git", *words], capture_output=True, text=True, check=False, cwd=FILE.parent
    )
    return asked.stdout.strip()


def _machine() -> str:
    """Kind of processor and number of cores; no name, no path."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(": ")[2] if names else model
    return f"{model} x {os.cpu_count()}, Python {platform.python_version()}"
