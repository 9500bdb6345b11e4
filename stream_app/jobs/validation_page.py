"""`ltv validate --html FILE`: calibration and deciles as a page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, Final

from stream_app.jobs.fit_report import NAMES

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 560, 300, 48, 36, 12
COLOURS: Final = {
    "actual": "#222222",
    "mbg": "#0072b2",
    "bg": "#e69f00",
    "pareto": "#009e73",
    "formula": "#999999",
    "past-revenue": "#cc79a7",
}
"""Told apart also by who sees red and green alike (Okabe and Ito, 2008)."""
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "svg{max-width:100%;height:auto}table{border-collapse:collapse}"
    "td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd}"
    "td:first-child,th:first-child{text-align:left}"
)

Series = dict[str, Sequence[float]]


def page(answer: dict[str, Any], rows: Sequence[Sequence[str]]) -> str:
    """The page; `answer` as `ltv validate --json` gives it, `rows` a table with its header."""
    span = f"fitted up to {answer['cut']}, graded on {answer['horizon_days']} days after it"
    title = f"Would the models have been right? {span}"
    parts = [f"<h1>Would the models have been right?</h1><p>{escape(span)}.</p>", _table(rows)]
    models = answer["models"]
    calibration: Series = {"actual": answer["actual"]["by_frequency"]}
    calibration |= {k: one["by_frequency"] for k, one in models.items() if one["by_frequency"]}
    parts.append("<h2>Mean purchase days after the cut, by frequency before it</h2>")
    parts.append(_chart(calibration, ["0", "1", "2", "3", "4", "5", "6", "7+"]))
    deciles: Series = {k: one["by_decile"] for k, one in models.items() if one["by_decile"]}
    if deciles:
        parts.append("<h2>Share of the revenue by tenth, those with most expected first</h2>")
        parts.append(_chart(deciles, [str(tenth) for tenth in range(1, 11)]))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>{''.join(parts)}</html>\n"
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    header, *body = rows
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in header)]
    lines += ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in body]
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _chart(series: Series, labels: Sequence[str]) -> str:
    """A line a series, from 0 up, with its name at the right."""
    highest = max((max(values) for values in series.values()), default=0.0) or 1.0
    step = (WIDTH - LEFT - 20) / (len(labels) - 1)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / highest)

    drawn = [_ticks(highest, y(0.0), y(highest))]
    for place, label in enumerate(labels):
        across = LEFT + place * step
        drawn.append(
            f'<text x="{across:.1f}" y="{HEIGHT - 14}" text-anchor="middle">{escape(label)}</text>'
        )
    for place, (name, values) in enumerate(series.items()):
        colour = COLOURS.get(name, "#555555")
        dots = " ".join(f"{LEFT + i * step:.1f},{y(v):.1f}" for i, v in enumerate(values))
        wide = 3 if name == "actual" else 1.8
        drawn.append(
            f'<polyline points="{dots}" fill="none" stroke="{colour}" stroke-width="{wide}"/>'
            f'<text x="{WIDTH + 4}" y="{TOP + 14 + 18 * place}" fill="{colour}">'
            f"{escape(NAMES.get(name, name))}</text>"
        )
    size = f"0 0 {WIDTH + 110} {HEIGHT}"
    return f'<svg viewBox="{size}" width="{WIDTH + 110}" font-size="13">{"".join(drawn)}</svg>'


def _ticks(highest: float, low: float, high: float) -> str:
    marks = []
    for part in range(5):
        at = low + (high - low) * part / 4
        marks.append(
            f'<line x1="{LEFT}" x2="{WIDTH - 20}" y1="{at:.1f}" y2="{at:.1f}" stroke="#e5e5e5"/>'
            f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">'
            f"{highest * part / 4:.3g}</text>"
        )
    return "".join(marks)
