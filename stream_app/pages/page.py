"""The shell of a page: title, charts, tables and prose in one file, readable by day and by night.

The file needs no network, and may not use one: its content policy forbids it. Plotly's script
comes from its package, inline, and only where there is a chart (4.8 MB). Without scripts the
numbers are there as tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, TypeAlias

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from stream_app.pages.charts import Chart
from stream_app.pages.themes import DARK, LIGHT, Theme, template


@dataclass(frozen=True)
class Tile:
    """One figure that one should leave with."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Tiles:
    """Some of them in a row."""

    kind: ClassVar[str] = "tiles"

    tiles: Sequence[Tile]


@dataclass(frozen=True)
class Table:
    """Rows of text; the first column names them, the others are numbers."""

    kind: ClassVar[str] = "table"

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: str = ""
    """How to read it."""


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    kind: ClassVar[str] = "prose"

    text: str


Block: TypeAlias = Tiles | Chart | Table | Prose


@dataclass(frozen=True)
class Page:
    """From the top."""

    title: str
    lead: str
    blocks: Sequence[Block]
    foot: str = ""


def render(page: Page) -> str:
    """The page as HTML; every text is escaped."""
    figures = [block.figure for block in page.blocks if isinstance(block, Chart)]
    return (
        _environment()
        .get_template("page.html")
        .render(
            page=page,
            light=LIGHT,
            dark=DARK,
            figures=figures,
            themes={"light": _for_script(LIGHT), "dark": _for_script(DARK)},
            plotly=get_plotlyjs() if figures else None,
        )
    )


def _for_script(theme: Theme) -> dict[str, Any]:
    return {"colours": theme.colours, "template": template(theme)}


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("stream_app.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
