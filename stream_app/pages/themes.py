"""Colours, and how charts look by day and by night.

Any two colours can be told apart also by who does not see red, green or blue, and each has 3:1 to
the ground it stands on: tests/pages/test_themes.py computes both. Colour is never alone: lines have
markers of their own, too.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple


class Theme(NamedTuple):
    """What differs between light and dark."""

    ground: str
    """What the page lies on."""
    ink: str
    faint: str
    """Grid lines: seen when looked for."""
    colours: tuple[str, ...]
    """By place; 0 is the ink, for what really happened."""
    scale: tuple[str, str]
    """Of a heat map: least, most; the ink can be read on both, and so on all between."""


LIGHT: Final = Theme(
    ground="#ffffff",
    ink="#1b1f24",
    faint="#e3e7ec",
    colours=("#1b1f24", "#0058cc", "#da7811", "#04a963", "#8e3d8e", "#a48a9f"),
    scale=("#f1f6fb", "#78ade0"),
)
DARK: Final = Theme(
    ground="#14171c",
    ink="#eceff3",
    faint="#2c323a",
    colours=("#eceff3", "#619afd", "#f2a423", "#31e37f", "#cc9ed3", "#879f89"),
    scale=("#1b2531", "#2f6aa6"),
)
"""Blue, orange, green, purple, grey: shifted until the closest two were 27 apart (CIE 1976)."""
SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up", "cross", "x")
"""Markers, a place each as the colours."""


def template(theme: Theme) -> dict[str, Any]:
    """A plotly template: all that a figure leaves open."""
    axis = {
        "gridcolor": theme.faint,
        "linecolor": theme.faint,
        "zerolinecolor": theme.faint,
        "automargin": True,
        "title": {"standoff": 12, "font": {"size": 14}},
    }
    scale = [[0.0, theme.scale[0]], [1.0, theme.scale[1]]]
    return {
        "layout": {
            "font": {"family": "system-ui, sans-serif", "size": 14, "color": theme.ink},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "hoverlabel": {"bgcolor": theme.ground, "font": {"color": theme.ink}},
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "coloraxis": {"colorscale": scale, "colorbar": {"outlinewidth": 0, "thickness": 12}},
            "xaxis": axis,
            "yaxis": axis,
        }
    }
