"""The report for people to look at: what stands on its page, from the report as a plain object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from stream_app.core.cohorts.lines import SHARES, Metric
from stream_app.core.cohorts.report_object import NAMES
from stream_app.jobs.report.staleness import stale_sentence
from stream_app.jobs.verification.printing import figure
from stream_app.pages.charts import Axes, Chart, Series, Value, heat_map, line_chart
from stream_app.pages.page import Block, Notice, Page, Sentences, Table, Tile, Tiles

Answer = Mapping[str, Any]
"""As `ltv report --json` has it."""

CURVES: Final = 5
"""Cohorts that have a curve of their own: as many as can be told apart. The heat map has all."""
TOGETHER: Final = "all cohorts together"
MARKS: Final = {"complete": "", "incomplete": "~", "partial": "?"}
TITLES: Final[dict[Metric, str]] = {
    "ltr": "LTR: what a customer has brought so far",
    "arpu": "ARPU: what a customer brought in the month",
    "arppu": "ARPPU: what a paying customer brought in the month",
    "active": "Active retention: customers seen in the month",
    "paying": "Paying retention: customers who paid in the month",
    "revenue": "Revenue of the month",
}
WORDS: Final[dict[Metric, str]] = {
    "ltr": "Net revenue from the cohort's month up to each, divided by all its customers, also"
    " those who never bought.",
    "arpu": "Net revenue of each month, divided by all customers of the cohort.",
    "arppu": "Net revenue of each month, divided by the customers who paid in it.",
    "active": "Share of the cohort's customers who bought or logged in in each month.",
    "paying": "Share of the cohort's customers who paid in each month.",
    "revenue": "Purchases less refunds of each month.",
}
MONTHS: Final = "months since the cohort's own"
OF_MONTH: Final = {
    "signup": "month of the signup",
    "first-purchase": "month of the first purchase",
}


def page(answer: Answer, metric: Metric, top_share: float | None, foot: str) -> Page:
    """All of the page; `top_share`: what the best fifth of all buyers brought, where known."""
    return Page(
        "What customers become worth", lead(answer), blocks(answer, metric, top_share), foot
    )


def lead(answer: Answer) -> str:
    """What the report is of, in a sentence or two."""
    whose = f"{answer['members']:,} customers"
    if answer["channel"] is not None:
        whose += f" who came by {answer['channel']}" if answer["channel"] else " without a channel"
    return (
        f"{whose}, in cohorts by {OF_MONTH[answer['by']]}, as of {answer['as_of']}"
        f" ({answer['time_zone']}). Money is {answer['currency']}, net of refunds."
    )


def blocks(answer: Answer, metric: Metric, top_share: float | None) -> list[Block]:
    """From the top, without controls."""
    found: list[Block] = [*_notices(answer), _tiles(answer, top_share)]
    if answer["cohorts"]:
        found += [
            _triangle(answer, metric),
            with_costs(_curves(answer, "ltr"), answer),
            _curves(answer, "arppu"),
            _curves(answer, "active"),
            _curves(answer, "paying"),
            _cohorts(answer),
        ]
    return [*found, *_notes(answer)]


def _notices(answer: Answer) -> list[Block]:
    if answer["stale"]:
        return [Notice(stale_sentence(answer["published_at"]))]
    missing = answer["partitions"]["missing"]
    if missing:
        numbers = ", ".join(map(str, missing))
        return [
            Notice(
                f"Nothing is published yet of partition {numbers} (of"
                f" {answer['partitions']['of']}): its customers are not in these numbers."
            )
        ]
    if not answer["cohorts"]:
        return [Notice("No customer here has a month to be counted by, so there is no cohort.")]
    return []


def _tiles(answer: Answer, top_share: float | None) -> Tiles:
    money = answer["currency"]
    tiles = [Tile("Customers", f"{answer['members']:,}", f"{answer['buyers']:,} have bought")]
    whole = [one for one in answer["pooled"] if one["ltr_minor"] is not None]
    if whole:
        last = whole[-1]
        note = f"by month {last['offset']}, of cohorts that old"
        tiles.append(Tile("A customer has brought", amount(last["ltr_minor"], answer), note))
    tiles.append(
        Tile("Revenue", amount(answer["total"]["net_minor"], answer, places=0), f"{money}, net")
    )
    lines = answer["cohorts"] + ([answer["undated"]] if answer["undated"] else [])
    second = sum(line["second_purchase"]["members"] for line in lines)
    if answer["buyers"]:
        tiles.append(
            Tile("Bought a second time", f"{second / answer['buyers']:.1%}", "of all who bought")
        )
    if top_share is not None:
        note = "of the revenue, of all customers" if answer["channel"] is None else "of all revenue"
        tiles.append(Tile("The best fifth brings", f"{top_share:.1%}", note))
    return Tiles(tiles)


def _triangle(answer: Answer, metric: Metric) -> Chart:
    rows = answer["cohorts"]
    values = [[_value(one, metric, answer) for one in line["offsets"]] for line in rows]
    marks = [[_mark(one, metric) for one in line["offsets"]] for line in rows]
    labels = [f"{line['cohort']} ({line['members']:,})" for line in rows]
    names = [str(offset) for offset in range(answer["offsets"] + 1)]
    if metric != "revenue" and len(rows) > 1:
        values.append([_of(one.get(NAMES[metric]), metric, answer) for one in answer["pooled"]])
        marks.append([""] * len(names))
        labels.append("together")
    # At the start everybody is there: months after it would all look the same.
    first = 0 if metric == "ltr" or len(names) == 1 else 1
    inside = [value for row in values for value in row[first:] if value is not None]
    legend = _legend(marks)
    chart = heat_map(
        f"{TITLES[metric]}, cohort by cohort",
        f"{WORDS[metric]} A row is a cohort with its number of customers, a column a month since"
        f" the cohort's own. The stronger its colour, the more.{legend}",
        names,
        labels,
        values,
        _axes(metric, answer, "cohort (customers)"),
        marks=marks,
        span=(min(inside), max(inside)) if inside and min(inside) < max(inside) else None,
    )
    chart.figure["layout"]["coloraxis"]["showscale"] = False  # the numbers stand in the cells
    return chart


def _legend(marks: Sequence[Sequence[str]]) -> str:
    there = {mark for row in marks for mark in row}
    words = " ~: the month is not over." if "~" in there else ""
    return words + (" ?: the data do not cover all of it." if "?" in there else "")


def _curves(answer: Answer, metric: Metric) -> Chart:
    rows, chosen = answer["cohorts"], _shown(answer)
    first = int(metric in SHARES and answer["by"] == "first-purchase" and answer["offsets"] > 0)
    labels = [str(offset) for offset in range(first, answer["offsets"] + 1)]
    series = []
    if len(rows) > 1:
        pooled = [_of(one.get(NAMES[metric]), metric, answer) for one in answer["pooled"]]
        series.append(Series(TOGETHER, pooled[first:], 0))
    for place, line in enumerate(chosen):
        values = [_value(one, metric, answer) for one in line["offsets"]]
        dashed = _dashed_from(line, metric)
        dashed = None if dashed is None else max(0, dashed - first)
        series.append(Series(line["cohort"], values[first:], place + 1, dashed))
    some = f" Of {len(rows)} cohorts the latest {CURVES} are drawn." if len(rows) > CURVES else ""
    if any(one.dashed_from is not None for one in series):
        some = f" Dashed: the month is not over, or its data not whole.{some}"
    if first:
        some = f" In month 0 all of them are there, so the chart begins after it.{some}"
    return line_chart(
        TITLES[metric],
        WORDS[metric] + some,
        labels,
        series,
        _axes(metric, answer, _unit(metric, answer)),
    )


def with_costs(chart: Chart, answer: Answer) -> Chart:
    """The curves with a line at what a customer cost, and a star where it was earned back."""
    paid = [(n, line) for n, line in enumerate(_shown(answer)) if line["acquisition"]]
    if not paid:
        return chart
    labels = [str(offset) for offset in range(answer["offsets"] + 1)]
    traces, told = [], []
    for place, line in paid:
        cost, back = line["acquisition"], line["acquisition"]["payback_offset"]
        cac = _major(cost["cac_minor"], answer)
        common = {"type": "scatter", "meta": place + 1, "showlegend": False}
        name = f"{line['cohort']}: CAC"
        traces.append(
            {**common, "x": labels, "y": [cac] * len(labels), "name": name, "mode": "lines",
             "line": {"dash": "dash", "width": 1.5},
             "hovertemplate": f"{name} %{{y:,.2f}}<extra></extra>"}
        )  # fmt: skip
        words = f"{line['cohort']} cost {amount(cost['cac_minor'], answer)} a customer"
        if back is None and line["acquisition"]["at_offset"] is None:
            told.append(f"{words}; no whole month tells yet whether it is earned back")
        elif back is None:
            told.append(f"{words}, not earned back yet")
            continue
        told.append(f"{words}, earned back by month {back}")
        if back <= answer["offsets"]:
            at = _value(line["offsets"][back], "ltr", answer)
            traces.append(
                {**common, "x": [str(back)], "y": [at], "mode": "markers",
                 "marker": {"symbol": "star", "size": 18},
                 "name": f"{line['cohort']}: paid back",
                 "hovertemplate": f"{line['cohort']} paid back by month {back}<extra></extra>"}
            )  # fmt: skip
    data = [*chart.figure["data"], *traces]
    words = f"{chart.text} Dashed across: cost of acquisition; a star: earned back. "
    return replace(chart, figure=chart.figure | {"data": data}, text=words + "; ".join(told) + ".")


def _cohorts(answer: Answer) -> Table:
    paid = any(line["acquisition"] for line in answer["cohorts"])
    header = ["cohort", "customers", "bought", "net revenue", "ARPPU", "second purchase",
              "days to it"]  # fmt: skip
    header += ["CAC", "LTR - CAC", "LTR / CAC", "earned back"] if paid else []
    undated = [answer["undated"]] if answer["undated"] is not None else []
    rows = [_row(line, answer, paid=paid) for line in (*answer["cohorts"], *undated)]
    return Table(
        "Cohort by cohort",
        header,
        rows,
        f"Money in {answer['currency']}. Second purchase: share of those who bought that bought on"
        " a second day, and the median of the days to it."
        + (" LTR is that of the last month that is over." if paid else ""),
    )


def _row(line: Answer, answer: Answer, *, paid: bool) -> list[str]:
    second, cost = line["second_purchase"], line["acquisition"]
    row = [
        line["cohort"],
        f"{line['members']:,}",
        f"{line['buyers']:,}",
        amount(line["total"]["net_minor"], answer),
        amount(line["arppu_minor"], answer),
        "" if second["rate"] is None else f"{second['rate']:.1%}",
        "" if second["median_days"] is None else f"{second['median_days']:g}",
    ]
    if not paid:
        return row
    if cost is None:
        return row + [""] * 4
    ratio, back = cost["ltr_per_cac"], cost["payback_offset"]
    return [
        *row,
        amount(cost["cac_minor"], answer),
        amount(cost["ltr_less_cac_minor"], answer),
        "" if ratio is None else f"{ratio:.2f}",
        "not yet" if back is None else f"month {back}",
    ]


def _notes(answer: Answer) -> list[Block]:
    notes = []
    first = answer["data_from_month"]
    if first is not None:
        notes.append(f"The data cover whole months from {first} on; earlier ones are marked ?.")
    notes.append(
        "'Together' takes in the cohorts for which the month is over, weighted by customers: its"
        " months are of fewer and fewer cohorts."
    )
    before = sum(line["before"]["net_minor"] for line in answer["cohorts"])
    if before:
        notes.append(
            f"{amount(before, answer)} {answer['currency']} came before the cohorts' own months:"
            " no LTR has it in."
        )
    if answer["costs_without_cohort"]:
        months = ", ".join(one["month"] for one in answer["costs_without_cohort"])
        notes.append(f"Money was spent in months without a cohort: {months}.")
    return [Sentences("How to read this", notes)]


def _shown(answer: Answer) -> Sequence[Answer]:
    """Cohorts with a curve of their own."""
    rows: Sequence[Answer] = answer["cohorts"]
    return rows[-CURVES:]


def _dashed_from(line: Answer, metric: Metric) -> int | None:
    """The first place from which on nothing is complete any more; all of it where nothing is."""
    states = [_state(one, metric) for one in line["offsets"]]
    whole = [place for place, state in enumerate(states) if state == "complete"]
    start = whole[-1] + 1 if whole else 0
    return start if any(state is not None for state in states[start:]) else None


def _value(one: Answer | None, metric: Metric, answer: Answer) -> Value:
    return None if one is None else _of(one[NAMES.get(metric, "net_minor")], metric, answer)


def _of(value: float | None, metric: Metric, answer: Answer) -> Value:
    return value if value is None or metric in SHARES else _major(value, answer)


def _mark(one: Answer | None, metric: Metric) -> str:
    state = _state(one, metric)
    return "" if state is None else MARKS[state]


def _state(one: Answer | None, metric: Metric) -> str | None:
    if one is None:
        return None
    state: str = one["state_so_far" if metric == "ltr" else "state"]
    return state


def _major(minor: float, answer: Answer) -> float:
    return float(minor / 10 ** answer["minor_units"])


def _unit(metric: Metric, answer: Answer) -> str:
    return "share of customers" if metric in SHARES else str(answer["currency"])


def _axes(metric: Metric, answer: Answer, y_title: str) -> Axes:
    places = 0 if metric == "revenue" else answer["minor_units"]
    form = ".1%" if metric in SHARES else f",.{places}f"
    return Axes(MONTHS, y_title, form, ".0%" if metric in SHARES else ",.0f")


def amount(minor: float | None, answer: Answer, places: int | None = None) -> str:
    """Minor units as money; blank where there is none."""
    if minor is None:
        return ""
    if isinstance(minor, int) and places is None:
        return figure(minor, answer["currency"])
    digits = answer["minor_units"] if places is None else places
    return f"{_major(minor, answer):,.{digits}f}"
