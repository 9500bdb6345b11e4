"""`ltv settings` for people: grouped, and marked where a value isn't the default."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import click

from stream_app.settings import Described


def print_settings(described: Sequence[Described]) -> None:
    """Print a table; what was chosen stands out, with where it came from."""
    wide = max(len(one["variable"]) for one in described)
    for group, members in groupby(described, key=lambda one: one["group"]):
        click.secho(f"{group}", bold=True)
        for one in members:
            click.echo(_line(one, wide))
            click.secho(f"{'':{wide + 4}}{one['meaning']}", dim=True)


def _line(one: Described, wide: int) -> str:
    value = str(one["value"]).lower() if isinstance(one["value"], bool) else str(one["value"])
    shown = f"{value or '(empty)'} {one['unit']}".rstrip()
    chosen = one["origin"] != "default"
    name = click.style(f"{one['variable']:{wide}}", bold=chosen)
    return f"  {name}  {shown}" + (f"   <- {one['origin']}" if chosen else "")
