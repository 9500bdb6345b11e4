"""The report in a terminal: the triangle with a colour ramp, and what each cohort is in all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich import box
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from stream_app.core.calendar import month_text
from stream_app.core.cohorts.cells import NO_MONTH_NAMES
from stream_app.core.cohorts.lines import SHARES, Acquisition, Line, Metric, State
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
NARROWEST: Final = 6
"""Characters of a cell at least, mark included."""
EDGE: Final = 18
"""Characters that the columns before the cells take."""


def print_report(report: Report, metric: Metric, currency: str, console: Console) -> None:
    """Print the triangle of one metric, the cohorts, and what the marks mean."""
    triangle = Triangle(report, metric, currency)
    shown = triangle.fitting(console.width)
    console.print(triangle.table(shown))
    for sentence in (*triangle.legend(), *_cut(shown, report.asked.offsets)):
        console.print(Text(sentence, style="dim"), soft_wrap=True)
    console.print(_cohorts(report, currency))
    if any(line.acquisition is not None for line in report.lines):
        console.print(_costs(report, currency))
    for sentence in _explained(report, currency):
        console.print(Text(sentence, style="dim"), soft_wrap=True)


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
        room = (width - EDGE) // (self._width + 1)
        return max(1, min(self._report.asked.offsets + 1, room))

    def table(self, shown: int) -> Table:
        """The first so many offsets."""
        report, metric = self._report, self._metric
        unit = "" if metric in SHARES else f", {self._currency}"
        table = new_table(f"{TITLES[metric]}{unit}, {_by(report)}", "cohort", "customers", gap=0)
        for offset in range(shown):
            # Blanks at the right would not survive a column that is justified to the right.
            header = f"{offset} ".rjust(self._width)
            table.add_column(header, no_wrap=True, min_width=self._width)
        for line in report.lines:
            cells = (self._cell(line, offset) for offset in range(shown))
            table.add_row(month_text(line.month or 0), f"{line.members:,}", *cells)
        if metric != "revenue" and len(report.lines) > 1:
            pooled = (report.pooled(metric, offset) for offset in range(shown))
            cells = (Text("" if one is None else self._wide(one, " ")) for one in pooled)
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
            return Text(f"-{mark}".rjust(self._width))
        return Text(self._wide(value, mark), style=self._style(value, state))

    def _style(self, value: float, state: State) -> Style:
        span = self._high - self._low
        share = min(1.0, max(0.0, (value - self._low) / span)) if span else 0.5
        ground = ramp(share)
        return Style(color=ink(ground), bgcolor=ground, italic=state != "complete")

    def _wide(self, value: float, mark: str) -> str:
        return f"{self._text(value)}{mark}".rjust(self._width)

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


def ink(ground: str) -> str:
    """Black or white, whichever is easier to read on this ground (WCAG's relative luminance).

    >>> ink("#f7fbff"), ink("#08306b")
    ('#000000', '#ffffff')
    """
    parts = (int(ground[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    luminance = sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"


def money(minor: float, currency: str) -> str:
    """Minor units, or a mean of them, in major units with the currency's digits.

    >>> money(366103.7, "USD"), money(1234.5, "JPY")
    ('3,661.04', '1,234')
    """
    if isinstance(minor, int):
        return figure(minor, currency)
    digits = EXPONENTS[currency]
    return f"{minor / 10**digits:,.{digits}f}"


def new_table(title: str, first: str, *others: str, gap: int = 1) -> Table:
    """Its first column is text, the others are numbers; `gap` blanks are put around a cell."""
    table = Table(
        title=f"\n{title}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, gap, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _by(report: Report) -> str:
    """What a cohort's month is of."""
    return f"by month of {'signup' if report.asked.table == 'signup' else 'first purchase'}"


def _first_coloured(metric: Metric) -> int:
    """The month of the start dwarfs all later ones, but for LTR; its colour is the darkest."""
    return 0 if metric == "ltr" else 1


def _cut(shown: int, offsets: int) -> Iterator[str]:
    if shown <= offsets:
        last = f"offset {offsets} does" if shown == offsets else f"offsets {shown}-{offsets} do"
        yield f"{last} not fit into this terminal: widen it, or take --csv"


def _cohorts(report: Report, currency: str) -> Table:
    by_signup = report.asked.table == "signup"
    bought = ["bought"] if by_signup else []
    columns = [*bought, f"revenue, {currency}", "before", "again", "days", "ARPPU"]
    table = new_table("Each cohort in all", "cohort", "customers", *columns)
    for line in report.every:
        cells = list(_in_all(line, currency))
        table.add_row(_name(report, line), f"{line.members:,}", *cells[not by_signup :])
    table.add_section()
    buyers = [f"{sum(line.buyers for line in report.every):,}"] if by_signup else []
    revenue = money(report.total.net_minor, currency)
    table.add_row("all", f"{report.members:,}", *buyers, revenue, style="bold")
    return table


def _in_all(line: Line, currency: str) -> Iterator[str]:
    yield f"{line.buyers:,}"
    yield money(line.total.net_minor, currency)
    yield _share(line.before_share)
    yield _share(line.second_rate)
    yield "" if line.second_median_days is None else f"{line.second_median_days:g}"
    yield _money(line.arppu_minor, currency)


def _costs(report: Report, currency: str) -> Table:
    columns = (f"cost, {currency}", "CAC", "LTR", "LTR - CAC", "LTR / CAC", "paid back")
    table = new_table("What they cost, and brought", "cohort", *columns)
    for line in report.lines:
        if line.acquisition is not None:
            table.add_row(_name(report, line), *_paid(line, line.acquisition, currency))
    return table


def _paid(line: Line, paid: Acquisition, currency: str) -> Iterator[str]:
    latest = line.latest
    yield money(paid.cost_minor, currency)
    yield _money(line.cac_minor, currency)
    yield "" if latest is None else money(latest.net_so_far_minor / line.members, currency)
    yield _money(line.ltr_less_cac_minor, currency)
    yield "" if line.ltr_per_cac is None else f"{line.ltr_per_cac:.2f}"
    if paid.payback_offset is not None:
        yield f"month {paid.payback_offset}"
    else:
        yield "" if latest is None else "not yet"


def _name(report: Report, line: Line) -> str:
    return NO_MONTH_NAMES[report.asked.table] if line.month is None else month_text(line.month)


def _money(minor: float | None, currency: str) -> str:
    return "" if minor is None else money(minor, currency)


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _explained(report: Report, currency: str) -> Iterator[str]:
    yield "before: share that came before the cohort's month, not in LTR"
    yield "again: share of buyers who bought on a second day; days: median until then"
    for month, cost in report.costs_without_cohort.items():
        spent = f"{money(cost, currency)} {currency}"
        yield f"{spent} were spent in {month_text(month)}, a month without a cohort"
