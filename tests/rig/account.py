"""What one run of a script comes to, for the table of faults."""

from __future__ import annotations

from dataclasses import dataclass

PROPERTY = "fault run"
"""Under this name a test's report carries its runs, as dictionaries: reports travel."""


@dataclass(frozen=True)
class Run:
    """One stage from its first step to its verdict, or what a test without a stage counted."""

    seed: int | None
    events: int
    """Records that were sent and acknowledged."""
    customers: int
    """Of whom the verdict was given; 0 where none was."""
    lost: int = 0
    double: int = 0
    unavailable_seconds: float | None = None
    """As `tests.rig.pulse` measures it; None where nothing was measured."""
