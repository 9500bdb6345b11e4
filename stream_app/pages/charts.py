"""Charts of a page: lines, bars and heat maps, each with its numbers as a table and in words.

A figure is plotly's JSON without colours: a trace says in `meta` which place of the palette it
has, and the page paints it as the reader's screen is, light or dark.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, ClassVar, Final

import plotly.graph_objects as go

from stream_app.pages.themes import SYMBOLS

HEIGHT: Final = 400
"""Of a chart, in pixels; its width is that of the page."""

Value = float | None
"""None: there is no number, which is a gap and not 0."""


@dataclass(frozen=True)
class Series:
    """Values with a name, one a label of the chart."""

    name: str
    values: Sequence[Value]
    colour: int
    """Place in the palette; 0 for what really happened."""
    dashed_from: int | None = None
    """Place from which values are not final, and a line is dashed."""


@dataclass(frozen=True)
class Chart:
    """What a page shows of it."""

    kind: ClassVar[str] = "chart"

    title: str
    text: str
    """What it shows, in words: read out instead of it, and written below it."""
    figure: dict[str, Any]
    """Plotly's JSON: `data` and `layout`."""
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    """The numbers, written out; blank where there is none."""


@dataclass(frozen=True)
class Axes:
    """Words and forms of a chart's two axes; forms are those of Python and d3 alike (`,.2f`)."""

    x_title: str
    y_title: str
    form: str = ",.2f"
    """Of the values."""
    tick_form: str | None = None
    """On the axis, where that is another."""


def line_chart(
    title: str, text: str, labels: Sequence[str], series: Sequence[Series], axes: Axes
) -> Chart:
    """A line a series over labels in order."""
    traces = [trace for one in series for trace in _lines(one, labels, axes)]
    return _chart(title, text, traces, labels, series, axes)


def bar_chart(
    title: str, text: str, labels: Sequence[str], series: Sequence[Series], axes: Axes
) -> Chart:
    """Bars side by side, a group a label."""
    traces = [
        go.Bar(
            name=escape(one.name),
            x=_plain(labels),
            y=one.values,
            meta=one.colour,
            hovertemplate=_hover(axes),
        )
        for one in series
    ]
    return _chart(title, text, traces, labels, series, axes)


def heat_map(
    title: str,
    text: str,
    columns: Sequence[str],
    rows: Sequence[str],
    values: Sequence[Sequence[Value]],
    axes: Axes,
    *,
    marks: Sequence[Sequence[str]] | None = None,
    span: tuple[float, float] | None = None,
) -> Chart:
    """A cell a row and column, the first row above; where there is no number it is blank.

    `marks` are written behind the numbers; `span` are the values that have the scale's ends.
    """
    written = [[_written(value, axes) for value in row] for row in values]
    if marks is not None:
        written = [
            [text and text + mark for text, mark in zip(*pair, strict=True)]
            for pair in zip(written, marks, strict=True)
        ]
    trace = go.Heatmap(
        x=_plain(columns),
        y=_plain(rows),
        texttemplate="%{text}",
        coloraxis="coloraxis",
        xgap=2,
        ygap=2,
        hoverongaps=False,
        hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
    )
    layout = _layout(axes, height=max(HEIGHT, 120 + 30 * len(rows)))
    layout["yaxis"] |= {"type": "category", "autorange": "reversed", "showgrid": False}
    layout["xaxis"] |= {"showgrid": False, "side": "top"}
    layout["coloraxis"] = {"colorbar": {"tickformat": axes.tick_form or axes.form}}
    if span is not None:
        layout["coloraxis"] |= {"cmin": span[0], "cmax": span[1]}
    body = [[name, *cells] for name, cells in zip(rows, written, strict=True)]
    header = [axes.y_title, *columns]
    figure = _json([trace], layout)
    # Past plotly's checks, which look at every number: a tenth of a second for ten thousand cells.
    figure["data"][0] |= {"z": [list(row) for row in values], "text": written}
    return Chart(title, text, figure, header, body)


def _lines(one: Series, labels: Sequence[str], axes: Axes) -> list[go.Scatter]:
    """One line, or a whole and a dashed one that meet."""
    style: dict[str, Any] = {
        "name": escape(one.name),
        "legendgroup": one.name,
        "mode": "lines+markers",
        "meta": one.colour,
        "marker": {"symbol": SYMBOLS[one.colour], "size": 9 if one.colour == 0 else 8},
        "hovertemplate": _hover(axes),
    }
    wide = 3.5 if one.colour == 0 else 2
    start = len(labels) if one.dashed_from is None else one.dashed_from
    labels = _plain(labels)
    parts = [go.Scatter(x=labels[:start], y=one.values[:start], line={"width": wide}, **style)]
    if one.dashed_from is not None:
        rest = max(start - 1, 0)
        parts.append(
            go.Scatter(
                x=labels[rest:],
                y=one.values[rest:],
                line={"width": wide, "dash": "dot"},
                showlegend=start == 0,
                **style,
            )
        )
    return parts


def _chart(
    title: str,
    text: str,
    traces: Sequence[Any],
    labels: Sequence[str],
    series: Sequence[Series],
    axes: Axes,
) -> Chart:
    header = [axes.x_title, *(one.name for one in series)]
    rows = [
        [label, *(_written(one.values[place], axes) for one in series)]
        for place, label in enumerate(labels)
    ]
    return Chart(title, text, _json(traces, _layout(axes)), header, rows)


def _layout(axes: Axes, height: int = HEIGHT) -> dict[str, Any]:
    return {
        "height": height,
        "xaxis": {"title": {"text": escape(axes.x_title)}, "type": "category"},
        "yaxis": {
            "title": {"text": escape(axes.y_title)},
            "tickformat": axes.tick_form or axes.form,
            "rangemode": "tozero",
        },
    }


def _hover(axes: Axes) -> str:
    return f"%{{fullData.name}}, %{{x}}: %{{y:{axes.form}}}<extra></extra>"


def _written(value: Value, axes: Axes) -> str:
    return "" if value is None else format(value, axes.form)


def _plain(texts: Sequence[str]) -> list[str]:
    """Plotly reads some HTML in what it is given to write."""
    return [escape(text) for text in texts]


def _json(traces: Sequence[Any], layout: dict[str, Any]) -> dict[str, Any]:
    """The figure as plain JSON; plotly refuses what it does not know the name of."""
    figure: dict[str, Any] = json.loads(go.Figure(traces, layout).to_json())
    figure["layout"].pop("template", None)  # the page gives it
    return figure
