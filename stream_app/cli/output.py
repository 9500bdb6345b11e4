"""Standard output: one JSON object, or text."""

from __future__ import annotations

from typing import Any

import click


def print_json(answer: dict[str, Any]) -> None:
    """Write one JSON object and a newline to standard output."""
    import orjson

    click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
