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
    live: str = ""
    """What a script of the page calls it, to keep it up to date."""


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
    words: bool = False
    """Whether the columns after the second are prose."""


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    kind: ClassVar[str] = "prose"

    text: str


@dataclass(frozen=True)
class Sentences:
    """Some of them, one below the other, under a heading."""

    kind: ClassVar[str] = "sentences"

    title: str
    sentences: Sequence[str]


@dataclass(frozen=True)
class Notice:
    """What one must know before the rest; hidden while empty, read out when it changes."""

    kind: ClassVar[str] = "notice"

    text: str
    live: str = ""


@dataclass(frozen=True)
class Choice:
    """One of some values, each with the words for it."""

    kind: ClassVar[str] = "choice"

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    chosen: str


@dataclass(frozen=True)
class Entry:
    """A line to type."""

    kind: ClassVar[str] = "entry"

    name: str
    label: str
    value: str = ""
    hint: str = ""
    type: str = "text"
    most: int = 0
    """Characters at most; 0: any number."""
    required: bool = False
    wide: bool = False


@dataclass(frozen=True)
class Controls:
    """A form that leads to another page."""

    kind: ClassVar[str] = "controls"

    label: str
    action: str
    fields: Sequence[Choice | Entry]
    button: str
    method: str = "get"


Block: TypeAlias = Tiles | Chart | Table | Prose | Sentences | Notice | Controls


@dataclass(frozen=True)
class Page:
    """From the top."""

    title: str
    lead: str
    blocks: Sequence[Block]
    foot: str = ""


@dataclass(frozen=True)
class Link:
    """Where another page is."""

    text: str
    address: str


@dataclass(frozen=True)
class Around:
    """What a server has around a page; the page's scripts are files of the server then."""

    links: Sequence[Link]
    here: str
    """The address among the links that this page is."""
    scripts: Sequence[str] = ()
    """Addresses, in order."""


def render(page: Page, around: Around | None = None, *, away: bool = False) -> str:
    """The page as HTML; every text is escaped. Alone it is a file that needs nothing else.

    `away`: it stands for another one, which a script of it may bring back.
    """
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
            around=around,
            away=away,
            plotly=get_plotlyjs() if figures and around is None else None,
        )
    )


def script(name: str) -> str:
    """A script of ours, to be served as a file."""
    source = _environment().loader
    assert source is not None
    return source.get_source(_environment(), name)[0]


def plotly_script() -> bytes:
    """Plotly's own, from its package."""
    text: str = get_plotlyjs()
    return text.encode()


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
