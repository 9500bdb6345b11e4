"""Workers whose wall clock is wrong, and jumps when the test says so."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig import clock
from tests.rig.inherited import inherited

DAY = 86_400


class WrongClock:
    """A clock that is off by so many seconds; `jump` changes that while it runs."""

    def __init__(self, file: Path, seconds: int) -> None:
        self.file = file
        self.jump(seconds)

    def jump(self, seconds: int) -> None:
        """From now on it is off by this."""
        with open(self.file, "r+b" if self.file.exists() else "w+b") as out:
            out.write(struct.pack("<q", seconds))

    @contextmanager
    def worn(self) -> Iterator[None]:
        """Processes that are started meanwhile have this clock (see clock/sitecustomize.py)."""
        (directory,) = clock.__path__
        with inherited(CLOCK_FILE=str(self.file), PYTHONPATH=directory):
            yield
