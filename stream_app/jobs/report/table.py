"""The report in a terminal: the triangle with a colour ramp, and what each cohort is in all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich import box
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from stream_app.core.calendar import month_text
from stream_app.core.cohorts.cells import NO_MONTH_NAMES
from stream_app.core.cohorts.lines import SHARES, Line, Metric, State
from stream_app.core.cohorts.report import Report
from stream_app.core.money import EXPONENTS
from stream_app.jobs.verification.printing import figure

MARKS: Final[dict[State, str]] = {"complete": " ", "incomplete": "~", "partial": "?"}
TITLES: Final[dict[Metric, str]] = {
    "ltr": "LTR: revenue of a customer so far",
    "arpu": "ARPU: revenue of the month per customer",
    "arppu": "ARPPU: revenue of the month per paying customer",
    "active": "Active retention: customers seen in the month",
    "paying": "Paying retention: customers who paid in the month",
    "revenue": "Revenue of the month",
}
_RAMP: Final = ("#f7fbff", "#deebf7", "#c6dbef", "#9ecae1", "#6baed6", "#4292c6", "#2171b5",
                "#08519c", "#08306b")  # fmt: skip
"""Light to dark in one hue (ColorBrewer's Blues), so that it reads without telling hues apart."""
_DARK: Final = 0.45
"""Share of the ramp from which on its colours are dark."""
NARROWEST: Final = 7
"""Characters of a cell at least, mark included."""
EDGE: Final = 24
"""Characters that the columns before the cells take."""


def print_report(report: Report, metric: Metric, currency: str, console: Console) -> None:
    """Print the triangle of one metric, the cohorts, and what the marks mean."""
    triangle = Triangle(report, metric, currency)
    shown = triangle.fitting(console.width)
    console.print(triangle.table(shown))
    for sentence in (*triangle.legend(), *_cut(shown, report.asked.offsets)):
        console.print(Text(sentence, style="dim"), soft_wrap=True)
    console.print(_cohorts(report, currency))
    for sentence in _notes(report, currency):
        console.print(sentence, markup=False, soft_wrap=True)


class Triangle:
    """Cohorts down, months since across, one metric."""

    def __init__(self, report: Report, metric: Metric, currency: str) -> None:
        self._report = report
        self._metric = metric
        self._currency = currency
        values = [
            value
            for line in report.lines
            for offset in range(_first_coloured(metric), report.asked.offsets + 1)
            if (value := line.value(metric, offset)) is not None
        ]
        self._low, self._high = min(values, default=0.0), max(values, default=0.0)
        texts = [self._text(value) for value in (*values, self._low, self._high)]
        first = [self._text(line.value(metric, 0) or 0) for line in report.lines]
        self._width = max(NARROWEST, *(len(text) + 1 for text in (*texts, *first)))

    def fitting(self, width: int) -> int:
        """How many offsets fit into a line, at least one."""
        room = (width - EDGE) // (self._width + 2)
        return max(1, min(self._report.asked.offsets + 1, room))

    def table(self, shown: int) -> Table:
        """The first so many offsets."""
        report, metric = self._report, self._metric
        unit = "" if metric in SHARES else f", {self._currency}"
        table = new_table(f"{TITLES[metric]}{unit}", by_words(report), "customers")
        for offset in range(shown):
            table.add_column(f"{offset} ", justify="right", no_wrap=True)
        for line in report.lines:
            cells = (self._cell(line, offset) for offset in range(shown))
            table.add_row(month_text(line.month or 0), f"{line.members:,}", *cells)
        if metric != "revenue" and len(report.lines) > 1:
            pooled = (report.pooled(metric, offset) for offset in range(shown))
            cells = (Text("" if one is None else f"{self._text(one)} ") for one in pooled)
            members = sum(line.members for line in report.lines)
            table.add_section()
            table.add_row("together", f"{members:,}", *cells, style="bold")
        return table

    def legend(self) -> Iterator[str]:
        """What the marks mean, as far as there are any."""
        report = self._report
        offsets = range(report.asked.offsets + 1)
        states = {line.state(self._metric, offset) for line in report.lines for offset in offsets}
        if "incomplete" in states:
            yield "~ the month is not over; empty: it has not begun"
        if "partial" in states:
            month = report.known.from_month
            since = "no month" if month is None else f"months from {month_text(month)} on"
            yield f"? not all data: {since} are covered wholly (LTV_DATA_FROM)"
        if len(report.lines) > 1 and self._metric != "revenue":
            yield "together: the cohorts for whom the month is complete"

    def _cell(self, line: Line, offset: int) -> Text:
        value, state = line.value(self._metric, offset), line.state(self._metric, offset)
        if state is None:
            return Text("")
        mark = MARKS[state]
        if value is None:
            return Text(f"-{mark}")
        return Text(self._text(value) + mark, style=self._style(value, state))

    def _style(self, value: float, state: State) -> Style:
        span = self._high - self._low
        share = min(1.0, max(0.0, (value - self._low) / span)) if span else 0.5
        return Style(
            color="white" if share >= _DARK else "black",
            bgcolor=Color.parse(ramp(share)),
            italic=state != "complete",
        )

    def _text(self, value: float) -> str:
        if self._metric in SHARES:
            return f"{value:.1%}"
        return money(value, self._currency)


def ramp(share: float) -> str:
    """A colour of the ramp, between the two nearest.

    >>> ramp(0.0), ramp(1.0), ramp(0.0625)
    ('#f7fbff', '#08306b', '#eaf3fb')
    """
    place = share * (len(_RAMP) - 1)
    low = min(int(place), len(_RAMP) - 2)
    ends = [[int(_RAMP[at][i : i + 2], 16) for i in (1, 3, 5)] for at in (low, low + 1)]
    mixed = (round(a + (b - a) * (place - low)) for a, b in zip(*ends, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def money(minor: float, currency: str) -> str:
    """Minor units, or a mean of them, in major units with the currency's digits.

    >>> money(366103.7, "USD"), money(1234.5, "JPY")
    ('3,661.04', '1,234')
    """
    if isinstance(minor, int):
        return figure(minor, currency)
    digits = EXPONENTS[currency]
    return f"{minor / 10**digits:,.{digits}f}"


def new_table(title: str, first: str, *others: str) -> Table:
    """Its first column is text, the others are numbers."""
    table = Table(
        title=f"\n{title}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def by_words(report: Report) -> str:
    """What a cohort's month is of."""
    return "signed up" if report.asked.table == "signup" else "first bought"


def _first_coloured(metric: Metric) -> int:
    """The month of the start dwarfs all later ones, but for LTR; its colour is the darkest."""
    return 0 if metric == "ltr" else 1


def _cut(shown: int, offsets: int) -> Iterator[str]:
    if shown <= offsets:
        last = f"offset {offsets} does" if shown == offsets else f"offsets {shown}-{offsets} do"
        yield f"{last} not fit into this terminal: widen it, or take --csv"


def _cohorts(report: Report, currency: str) -> Table:
    costs = any(line.acquisition is not None for line in report.lines)
    columns = ["customers", "bought", f"revenue, {currency}", "before", "again", "after days"]
    columns += ["ARPPU"] + (["CAC", "LTR - CAC", "LTR / CAC", "paid back"] if costs else [])
    table = new_table("Cohorts in all", by_words(report), *columns)
    for line in report.every:
        name = NO_MONTH_NAMES[report.asked.table] if line.month is None else month_text(line.month)
        cells = [*_in_all(line, currency), *(_paid(line, currency) if costs else ())]
        table.add_row(name, *cells)
    table.add_section()
    buyers = sum(line.buyers for line in report.every)
    revenue = money(report.total.net_minor, currency)
    table.add_row("all", f"{report.members:,}", f"{buyers:,}", revenue, style="bold")
    return table


def _in_all(line: Line, currency: str) -> Iterator[str]:
    yield f"{line.members:,}"
    yield f"{line.buyers:,}"
    yield money(line.total.net_minor, currency)
    yield "" if line.before_share is None else f"{line.before_share:.1%}"
    yield "" if line.second_rate is None else f"{line.second_rate:.1%}"
    yield "" if line.second_median_days is None else f"{line.second_median_days:g}"
    yield "" if line.arppu_minor is None else money(line.arppu_minor, currency)


def _paid(line: Line, currency: str) -> Iterator[str]:
    yield "" if line.cac_minor is None else money(line.cac_minor, currency)
    yield "" if line.ltr_less_cac_minor is None else money(line.ltr_less_cac_minor, currency)
    yield "" if line.ltr_per_cac is None else f"{line.ltr_per_cac:.2f}"
    if line.acquisition is None:
        yield ""
    elif line.acquisition.payback_offset is None:
        yield "not yet"
    else:
        yield f"month {line.acquisition.payback_offset}"


def _notes(report: Report, currency: str) -> Iterator[str]:
    for month, cost in report.costs_without_cohort.items():
        spent = f"{money(cost, currency)} {currency}"
        yield f"{spent} were spent in {month_text(month)}, a month without a cohort"
