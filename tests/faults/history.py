"""Rows of results with date and commit, appended to a file that is their history."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.bench import results


def keep(file: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Append; a new file gets its heading first, ``date`` and ``commit`` before the columns."""
    is_new = not file.exists()
    with file.open("a", newline="") as out:
        writer = csv.writer(out)
        if is_new:
            writer.writerow(("date", "commit", *columns))
        writer.writerows((results.date(), results.commit(), *row) for row in rows)
