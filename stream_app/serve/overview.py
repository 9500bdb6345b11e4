"""The live overview: how everything is doing, and how customers stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stream_app.core.money import EXPONENTS
from stream_app.pages.charts import Axes, Series, bar_chart
from stream_app.pages.page import Block, Notice, Page, Prose, Table, Tile, Tiles

Answer = Mapping[str, Any]

TIER_WORDS: Final = {
    "prospect": "never bought",
    "new": "bought once, lately",
    "active": "likely to buy again",
    "at_risk": "growing silent",
    "lost": "probably gone",
}


def page(status: Answer, segments: Answer | None, foot: str) -> Page:
    """From `/v1/status` and `/v1/segments`; a script keeps the first up to date."""
    blocks: list[Block] = [Notice(stale_words(status), "warning"), _tiles(status)]
    if segments is not None:
        blocks += [_value_tiles(segments), *_tiers(segments), _segments(segments)]
    blocks += [_models(status), _partitions(status)]
    lead = (
        "Every purchase moves these numbers. The first row does so by itself, the rest when the"
        " page is loaded again."
    )
    return Page("How it is going", lead, blocks, foot)


def stale_words(status: Answer) -> str:
    """What is wrong, if something is; as the script words it."""
    if not status["stale"]:
        return ""
    partitions = status["partitions"]
    silent = sum(one["stale"] for one in partitions["each"]) + len(partitions["missing"])
    return (
        f"{silent} of {partitions['of'] or len(partitions['each'])} partitions have said nothing"
        " lately: no worker has them. What is shown of them is old."
    )


def seconds(value: float | None) -> str:
    """A duration for people, as the script writes it.

    >>> seconds(None), seconds(0.0042), seconds(2.04), seconds(600)
    ('unknown', '4.2 ms', '2 s', '10 min')
    """
    if value is None:
        return "unknown"
    if value < 0.1:
        return f"{_short(1000 * value)} ms"
    return f"{_short(value)} s" if value < 90 else f"{round(value / 60):,} min"


def _short(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _tiles(status: Answer) -> Tiles:
    lag = sum(status["lag"].values()) + status["behind"]
    late = seconds(status["late_seconds"])
    return Tiles(
        [
            Tile("Events a second", _short(status["events_per_second"]), "", "rate"),
            Tile("From purchase to score", late, "of the slowest partition", "late"),
            Tile("Not yet in the scores", f"{lag:,}", "events and customers waiting", "lag"),
            Tile("Customers", f"{status['customers']:,}", "", "customers"),
            Tile("Last sign of life", seconds(status["age_seconds"]), "ago, oldest worker", "age"),
        ]
    )


def _value_tiles(segments: Answer) -> Tiles:
    money = segments["currency"]
    future = sum(tier["ltv_365_minor"] for tier in segments["tiers"].values())
    tiles = [
        Tile("Expected in the next year", whole(future, money), f"{money}, of all customers"),
        Tile(
            "Value at risk",
            whole(segments["at_risk"]["minor"], money),
            f"{money}, expected loss to silence in {segments['at_risk']['days']} days",
        ),
    ]
    second, top = segments["second_purchase"], segments["top_share"]["of_revenue"]
    if second["rate"] is not None:
        note = f"of buyers; half of them within {second['median_days'] or 0:g} days"
        tiles.append(Tile("Bought a second time", f"{second['rate']:.1%}", note))
    if top is not None:
        tiles.append(Tile("The best fifth brings", f"{top:.1%}", "of the revenue"))
    return Tiles(tiles)


def _tiers(segments: Answer) -> list[Block]:
    tiers, money = segments["tiers"], segments["currency"]
    unit = 10 ** segments["minor_units"]
    names = [name for name in tiers if tiers[name]["customers"]]
    labels = [name.replace("_", " ") for name in names]
    rows = [
        [
            f"{name.replace('_', ' ')}: {TIER_WORDS[name]}",
            f"{tiers[name]['customers']:,}",
            whole(tiers[name]["revenue_minor"], money),
            whole(tiers[name]["ltv_365_minor"], money),
            whole(tiers[name]["at_risk_minor"], money),
        ]
        for name in tiers
    ]
    header = ["tier", "customers", "revenue so far", "expected next year", "at risk"]
    chart = bar_chart(
        "Where the future revenue sits",
        f"What is expected of each tier in the next 365 days, and how much of it the next"
        f" {segments['at_risk']['days']} days of silence are expected to cost, in {money}.",
        labels,
        [
            Series("expected next year", [tiers[n]["ltv_365_minor"] / unit for n in names], 1),
            Series("value at risk", [(tiers[n]["at_risk_minor"] or 0) / unit for n in names], 2),
        ],
        Axes("tier", money, ",.0f"),
    )
    return [Table("Tiers", header, rows, f"Money in {money}."), chart]


def _segments(segments: Answer) -> Table:
    bought = sum(segments["segments"].values())
    rows = [
        [name, f"{count:,}", f"{count / bought:.1%}" if bought else ""]
        for name, count in segments["segments"].items()
    ]
    return Table(
        "RFM segments",
        ["segment", "customers", "of buyers"],
        rows,
        "By how lately and how often customers bought, in fifths of all of them.",
    )


def _models(status: Answer) -> Block:
    if not status["models"]:
        return Prose(
            "No model is in use: scores are by formula, which predicts nothing. ltv fit makes one."
        )
    rows = [_model(one) for one in status["models"]]
    header = ["model", "role", "forecasts", "bought", "expected", "log loss", "Brier", "lately"]
    return Table(
        "Models, graded by what came",
        header,
        rows,
        "Each day the model says who buys within 30 days; bought and expected are how many did and"
        " how many should have. Lately: more (+) or fewer (-) than expected in the last 90 days.",
    )


def _model(one: Answer) -> list[str]:
    grades = one["grades"]
    if grades is None or grades["log_loss"] is None:
        return [one["id"], one["role"], "none yet", "", "", "", "", ""]
    bias = grades["recent"]["bias"]
    return [
        one["id"],
        one["role"],
        f"{grades['forecasts']:,}",
        f"{grades['bought']:,}",
        f"{grades['expected']:,.0f}",
        f"{grades['log_loss']:.4f}",
        f"{grades['brier']:.4f}",
        "" if bias is None else f"{bias:+.1%}",
    ]


def _partitions(status: Answer) -> Table:
    rows = [
        [
            str(one["partition"]),
            one["worker"],
            f"{one['customers']:,}",
            _short(one["events_per_second"]),
            f"{sum(one['lag'].values()):,}",
            seconds(one["late_seconds"]),
            f"{seconds(one['age_seconds'])} ago" + (", too old" if one["stale"] else ""),
        ]
        for one in status["partitions"]["each"]
    ]
    rows += [
        [str(number), "nobody has it", *[""] * 5] for number in status["partitions"]["missing"]
    ]
    header = ["partition", "worker", "customers", "events/s", "lag", "to score", "heard from"]
    return Table("Partitions", header, rows, "As they were when this page was opened.")


def whole(minor: int | None, currency: str) -> str:
    """Minor units in whole major ones."""
    if minor is None:
        return "unknown"
    return f"{minor / 10 ** EXPONENTS.get(currency, 0):,.0f}"
