"""What `ltv replay` was asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Order:
    """One call of `ltv replay`."""

    begin: str | None = None
    """A date, a time, or offsets ``TOPIC:PARTITION=OFFSET,...``; None: the log's beginning."""
    end: str | None = None
    """The same; None: the log's end as it is now."""
    into: str = "memory"
    """`memory`, `file` or a name that ends in .parquet, `shadow` or a build's number."""
    as_of: str | None = None
    """When scores hold: a date or a time; None: now."""
    processes: int | None = None
    """How many fold side by side; None: one a core."""
    checkpoint: Path | None = None
    """Directory of what is folded so far, to go on from."""
    rate: float | None = None
    """Records a second, all processes together; None: all they can."""
    overwrite: bool = False
    """Whether a file that exists may be replaced."""
