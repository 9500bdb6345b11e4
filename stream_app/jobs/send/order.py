"""What `ltv send` was asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True)
class Order:
    """One call of `ltv send`: either `files`, or `simulate` customers.

    `kind` is the type of rows that have none; `mapping` holds words FIELD=COLUMN. A simulation is
    a history of `days` days before `until` (None: today), or, when `duration` (seconds) is given,
    live traffic of `rate` events a second that happens now. `rate` also holds back files.
    """

    files: tuple[Path, ...] = ()
    kind: str | None = None
    mapping: tuple[str, ...] = ()
    dry_run: bool = False
    skip_refused: bool = False
    simulate: int = 0
    seed: int = 1
    days: int = 365
    until: date | None = None
    rate: float | None = None
    duration: float | None = None
