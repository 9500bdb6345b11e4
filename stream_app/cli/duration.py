"""A length of time on a command line: a whole number and a unit, such as 30m, 12h or 7d."""

from __future__ import annotations

import re
from typing import Any, Final

import click

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_SECONDS: Final = 366 * 86_400


class Duration(click.ParamType):
    """Seconds, from one to a year of them.

    >>> Duration().convert("12h", None, None)
    43200
    """

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it, or say in one sentence what it takes."""
        match = re.fullmatch(r"([0-9]{1,9})([smhd])", str(value))
        seconds = int(match[1]) * UNITS[match[2]] if match else 0
        if not 1 <= seconds <= LONGEST_SECONDS:
            self.fail(
                f"{value!r} is not a number and a unit (s, m, h, d), such as 30m, 12h or 7d, from"
                " 1s to 366d.",
                param,
                ctx,
            )
        return seconds
