"""Workers whose wall clock is wrong, and jumps when the test says so."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig import clock

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
        """Processes that are started meanwhile have this clock (see clock/sitecustomize.py).

        The environment is that of this process, for a child inherits it: the rig has no other way
        to hand it what is not a setting.
        """
        (directory,) = clock.__path__
        given = {"CLOCK_FILE": str(self.file), "PYTHONPATH": directory}
        before = {name: os.environ.get(name) for name in given}
        os.environ.update(given)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
