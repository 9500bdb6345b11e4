"""One row a fault: added up from the runs of its tests, printed, and kept in results.csv."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench.results import commit, date
from tests.faults.catalogue import FAULTS
from tests.rig.account import Run

FILE: Final = Path(__file__).with_name("results.csv")
COLUMNS: Final = (
    *("date", "commit", "form", "fault", "runs", "events", "customers", "lost", "double"),
    *("longest_unavailability_s", "seeds", "result"),
)
NO_TEST: Final = "failed: no test"


@dataclass
class Row:
    """What the tests of one fault came to."""

    fault: str
    runs: list[Run] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    """Tests that passed, failed and were skipped."""
    reasons: list[str] = field(default_factory=list)
    """Why tests were skipped."""

    @property
    def failed(self) -> bool:
        """Whether a test failed, or there was none."""
        return self.result.startswith("failed")

    @property
    def result(self) -> str:
        """``passed``, ``failed`` or ``skipped``, and how many were not run and why.

        >>> Row("F1").result
        'failed: no test'
        >>> Row("F16", outcomes=Counter(passed=1, skipped=2), reasons=["no mount"] * 2).result
        'passed; 2 skipped: no mount'
        """
        passed, failed, skipped = (self.outcomes[one] for one in ("passed", "failed", "skipped"))
        why = "; ".join(dict.fromkeys(self.reasons))
        if failed:
            return f"failed: {failed} of {failed + passed + skipped} tests"
        if not passed:
            return f"skipped: {why}" if skipped else NO_TEST
        return f"passed; {skipped} skipped: {why}" if skipped else "passed"

    def cells(self) -> tuple[str, ...]:
        """From the fault's number on, as the columns of the file are."""
        measured = [
            run.unavailable_seconds for run in self.runs if run.unavailable_seconds is not None
        ]
        seeds = sorted({run.seed for run in self.runs if run.seed is not None})
        return (
            self.fault,
            str(len(self.runs)),
            str(sum(run.events for run in self.runs)),
            str(sum(run.customers for run in self.runs)),
            str(sum(run.lost for run in self.runs)),
            str(sum(run.double for run in self.runs)),
            f"{max(measured):.1f}" if measured else "",
            " ".join(map(str, seeds)),
            self.result,
        )


def table(rows: Iterable[Row]) -> list[str]:
    """Lines to print: fault, runs, events, lost, double, longest unavailability, seeds, result."""
    header = ("fault", "runs", "events", "lost", "double", "unavailable s", "seeds", "result", "")
    lines = [header]
    for row in rows:
        fault, runs, events, _, lost, double, away, seeds, result = row.cells()
        lines.append((fault, runs, events, lost, double, away, seeds, result, FAULTS[fault]))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if 0 < place < 6 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def keep(rows: Sequence[Row], form: str, path: Path = FILE) -> None:
    """Append a line a fault; the file is the history of what was broken on purpose."""
    is_new = not path.exists()
    began = (date(), commit(), form)
    with path.open("a", newline="", encoding="utf-8") as out:
        lines = csv.writer(out, lineterminator="\n")
        if is_new:
            lines.writerow(COLUMNS)
        lines.writerows((*began, *row.cells()) for row in rows)
