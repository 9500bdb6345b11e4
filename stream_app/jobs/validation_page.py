"""`ltv validate --html FILE`: what the models expected and what then happened, as a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, Final

from stream_app import __version__
from stream_app.jobs.fit_report import LABELS, NAMES
from stream_app.pages.charts import Axes, Chart, Series, bar_chart, line_chart
from stream_app.pages.page import Block, Page, Table, Tile, Tiles, render

COLOURS: Final = {"mbg": 1, "bg": 2, "pareto": 3, "past-revenue": 4, "formula": 5}
TENTHS: Final = tuple(f"{10 * tenth}%" for tenth in range(1, 11))
FREQUENCIES: Final = ("0", "1", "2", "3", "4", "5", "6", "7+")
SHARE: Final = ".1%"

Grades = dict[str, Any]
"""A model's or baseline's, as `ltv validate --json` has them."""


def page(answer: dict[str, Any], rows: Sequence[Sequence[str]]) -> str:
    """The page; `answer` as `ltv validate --json` gives it, `rows` the comparison, header first."""
    blocks: list[Block] = [_tiles(answer), _comparison(answer, rows[1:]), _calibration(answer)]
    if answer["actual"]["perfect_by_decile"] is not None:
        blocks += [_gains(answer), _tenths(answer)]
    lead = (
        f"The models saw what {answer['customers']:,} customers had done up to {answer['cut']}, and"
        f" nothing of the {answer['horizon_days']} days after it. Here is what they expected of"
        f" those days, to {answer['end']}, beside what came."
    )
    foot = f"Made by ltv validate {__version__}. This page loads nothing from elsewhere."
    return render(Page("Would the models have been right?", lead, blocks, foot))


def _best(answer: dict[str, Any]) -> str | None:
    """The model whose figures stand on top: the default, or the first that has a fit."""
    return next((kind for kind in NAMES if kind in answer["models"]), None)


def _tiles(answer: dict[str, Any]) -> Tiles:
    actual, kind = answer["actual"], _best(answer)
    came = f"of {actual['buyers']:,} customers"
    tiles = [Tile("Purchase days that came", f"{actual['purchases']:,.0f}", came)]
    if kind is None:
        return Tiles(tiles)
    grade: Grades = answer["models"][kind]
    off = _off(grade["purchases"], actual["purchases"])
    tiles.append(Tile(f"{NAMES[kind]} expected", f"{grade['purchases']:,.0f}", off))
    if grade["top_capture"] is not None:
        note = f"of the revenue; at best {actual['perfect_top_capture']:{SHARE}}, by chance 20.0%"
        tiles.append(Tile("Its best fifth brought", f"{grade['top_capture']:{SHARE}}", note))
    if grade["auc"] is not None:
        note = "of pairs of a customer who bought and one who did not; by chance 50.0%"
        tiles.append(Tile("The right way round", f"{grade['auc']:{SHARE}}", note))
    return Tiles(tiles)


def _off(expected: float, actual: float) -> str:
    """
    >>> _off(90.0, 100.0), _off(125.0, 100.0), _off(1.0, 0.0)
    ('10% too few', '25% too many', '')
    """
    if not actual:
        return ""
    return f"{abs(expected / actual - 1):.0%} too {'few' if expected < actual else 'many'}"


def _comparison(answer: dict[str, Any], rows: Sequence[Sequence[str]]) -> Table:
    actual, money = answer["actual"], answer["currency"]
    perfect = actual["perfect_top_capture"]
    known = ["", "", "", f"{actual['revenue']:,.2f}", "", ""]
    known.append("" if perfect is None else f"{perfect:.4f}")
    return Table(
        "Every model, and two rules of thumb",
        (
            "",
            "purchase days",
            "MAE",
            "RMSE",
            "AUC",
            f"revenue, {money}",
            "MAE",
            "RMSE",
            "top fifth",
        ),
        [
            ["what came", f"{actual['purchases']:,.0f}", *known],
            *([LABELS.get(row[0], row[0]), *row[1:]] for row in rows),
        ],
        "Purchase days and revenue are those of all customers. MAE and RMSE are errors of one"
        " customer, in days and then in money. AUC is the chance that a customer who bought was"
        " ranked above one who did not. The top fifth is the share of the revenue that came from"
        " the fifth of the customers of whom most was expected.",
    )


def _calibration(answer: dict[str, Any]) -> Chart:
    sizes = answer["actual"]["customers_by_frequency"]
    series = [
        Series("what came", answer["actual"]["by_frequency"], 0),
        *_of(answer, "by_frequency"),
    ]
    return line_chart(
        "Do customers come back as often as expected?",
        "Customers by how often they had come back before the cut, and how many purchase days each"
        " then had on average. A model on the thick line is right; above it, it promises too much.",
        [f"{often} ({size:,})" for often, size in zip(FREQUENCIES, sizes, strict=True)],
        series,
        Axes(
            "times they came back before the cut (customers)",
            "purchase days after it",
            tick_form=",.2~f",
        ),
    )


def _gains(answer: dict[str, Any]) -> Chart:
    """Cumulative shares: the steeper the better."""

    def rising(shares: Iterable[float]) -> list[float]:
        return [0.0, *accumulate(shares)]

    best = Series("had one known", rising(answer["actual"]["perfect_by_decile"]), 0)
    series = [best]
    series += [
        Series(one.name, rising(value or 0.0 for value in one.values), one.colour)
        for one in _of(answer, "by_decile")
    ]
    return line_chart(
        "How much of the revenue do the best customers bring?",
        "Customers in order of what was expected of them, and the share of the revenue that came"
        " from the first tenth, the first two, and so on. The thick line is the order that one"
        " would have known afterwards.",
        ["0%", *TENTHS],
        series,
        Axes("customers, the most promising first", "share of the revenue", SHARE, ".0%"),
    )


def _tenths(answer: dict[str, Any]) -> Chart:
    kind = _best(answer) or "past-revenue"
    shown = [kind, "past-revenue"] if kind != "past-revenue" else [kind]
    series = [one for name in shown for one in _of(answer, "by_decile", [name])]
    return bar_chart(
        "What does each tenth bring?",
        "The same customers in ten groups of equal size, the most promising first, and the share"
        " of the revenue that came from each. Groups in the right order step down from left to"
        " right.",
        [str(tenth) for tenth in range(1, 11)],
        series,
        Axes(
            "tenth of the customers, the most promising first", "share of the revenue", SHARE, ".0%"
        ),
    )


def _of(answer: dict[str, Any], field: str, names: Iterable[str] = COLOURS) -> list[Series]:
    """A series for each that says something of the field."""
    models = answer["models"]
    return [
        Series(LABELS[name], models[name][field], COLOURS[name])
        for name in names
        if name in models and models[name][field] is not None
    ]
