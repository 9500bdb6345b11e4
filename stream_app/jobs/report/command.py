"""`ltv report`: the cohort report in a terminal, as CSV or as JSON, from Redis alone."""

from __future__ import annotations

import io
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import orjson
from rich.console import Console

from stream_app import __version__
from stream_app.core.calendar import Calendar, date_text, day_from_text, month_from_text, month_of
from stream_app.core.cohorts.cells import Table
from stream_app.core.cohorts.lines import Known, Metric, covered_from
from stream_app.core.cohorts.report import NO_CHANNEL, Asked, Report, report
from stream_app.core.cohorts.report_object import report_as_object
from stream_app.core.money import EXPONENTS
from stream_app.errors import UsageError
from stream_app.jobs.outputs import check_output, write_output
from stream_app.jobs.report.costs import by_month, read_costs
from stream_app.jobs.report.csv_lines import write_csv
from stream_app.jobs.report.reading import read_cohorts
from stream_app.jobs.report.staleness import is_stale, stale_sentence
from stream_app.jobs.report.table import print_report
from stream_app.jobs.report.whole import print_whole, read_whole
from stream_app.settings import Settings
from stream_app.wire.published_cohorts import PublishedCohorts

NAMED: Final = 20
"""Channels that a message names at most."""
WIDE: Final = 1_000
"""Characters of a line where nobody looks on: nothing is cut."""


@dataclass(frozen=True)
class Options:
    """What the command line asks for, as it is written there."""

    by: Table = "signup"
    channel: str | None = None
    first: str | None = None
    last: str | None = None
    metric: Metric = "ltr"
    offsets: int = 11
    cac: Path | None = None
    as_csv: bool = False
    as_json: bool = False
    html: Path | None = None
    """Where a page goes, beside what is printed."""


@dataclass(frozen=True)
class Made:
    """A report, and what it was made of."""

    report: Report
    published: PublishedCohorts
    as_of_day: int
    whole: dict[str, Any]
    """What is said of all customers together (`whole.read_whole`)."""

    def as_object(self) -> dict[str, Any]:
        """All numbers, with what they are of."""
        return answer(self.report, self.published, self.as_of_day) | self.whole

    def print(self, metric: Metric, console: Console) -> None:
        """The triangle of one metric and what all customers are like, for people."""
        print_report(self.report, metric, self.published.currency, console)
        console.print()
        print_whole(self.whole, console)


def run(settings: Settings, options: Options) -> int:
    """Print the report; NotFound where nothing is published."""
    if options.as_csv and options.as_json:
        raise UsageError("--csv and --json can't both be on standard output; take one.")
    if options.html is not None:
        check_output("--html", options.html)
    made = make(settings, options)
    _print(made, options)
    if options.html is not None:
        _write(options.html, made, options.metric)
    _warn(made.published)
    return 0


def make(settings: Settings, options: Options) -> Made:
    """The report that options ask for; NotFound where nothing is published."""
    first, last = (
        _month(name, text) for name, text in (("--from", options.first), ("--to", options.last))
    )
    if first is not None and last is not None and first > last:
        raise UsageError(f"--from {options.first} is after --to {options.last}.")
    published = read_cohorts(settings, options.by)
    asked = Asked(options.by, _channel(options, published), first, last, options.offsets)
    costs = _costs(settings, options, published.currency)
    as_of_day = day_of_report(settings, published)
    known = known_at(settings, published, as_of_day)
    made = report(published.columns, asked, known, costs)
    return Made(made, published, as_of_day, read_whole(settings, known))


def _write(path: Path, found: Made, metric: Metric) -> None:
    """The page, as one file that needs nothing but itself."""
    from stream_app.jobs.report.page import page  # plotly takes a while, which a table need not
    from stream_app.pages.page import render

    foot = f"Made by ltv report {__version__}. This page loads nothing from elsewhere."
    segments = found.whole["segments"]
    share = None if segments is None else segments["top_share"]["of_revenue"]
    write_output("--html", path, render(page(found.as_object(), metric, share, foot)))


def answer(made: Report, published: PublishedCohorts, as_of_day: int) -> dict[str, Any]:
    """All numbers of a report, with what they are of: the one object that is printed or drawn."""
    return {
        "currency": published.currency,
        "minor_units": EXPONENTS[published.currency],
        "time_zone": published.time_zone,
        "as_of": date_text(as_of_day),
        "published_at": published.oldest_at,
        "stale": is_stale(published.oldest_at, time.time()),
        "partitions": {"of": published.partitions, "missing": list(published.missing)},
        "channels": published.channels,
        **report_as_object(made),
    }


def day_of_report(settings: Settings, published: PublishedCohorts) -> int:
    """The business day that settings name, in the zone of the totals; by default the one in
    progress, or where no worker is alive any more the one in which the last was seen."""
    if settings.as_of_event_time and published.last_day is not None:
        return published.last_day
    if len(settings.as_of) == len("2026-01-01"):
        return day_from_text(settings.as_of)
    fixed = settings.as_of_seconds
    now = int(time.time()) if fixed is None else fixed
    seconds = published.oldest_at if fixed is None and is_stale(published.oldest_at, now) else now
    return Calendar(published.time_zone).day_of(seconds * 1_000_000)


def known_at(settings: Settings, published: PublishedCohorts, as_of_day: int) -> Known:
    """How far the data reach, by LTV_DATA_FROM or by the first records."""
    data_from = day_from_text(settings.data_from) if settings.data_from else None
    return Known(month_of(as_of_day), covered_from(data_from, *published.first_days))


def _month(option: str, text: str | None) -> int | None:
    try:
        return None if text is None else month_from_text(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}.") from None


def _channel(options: Options, published: PublishedCohorts) -> str | None:
    """The channel asked for; UsageError where no customer has it."""
    channel = options.channel
    named = [NO_CHANNEL if name is None else name for name in published.channels]
    if channel is None or channel in named:
        return channel
    shown = ", ".join(ascii(name) for name in named[:NAMED]) or "none"
    more = f" and {len(named) - NAMED:,} more" if len(named) > NAMED else ""
    raise UsageError(
        f"--channel {channel!a}: no customer came that way; there are {shown}{more}"
        " ('' is those without one)."
    )


def _costs(settings: Settings, options: Options, currency: str) -> dict[int, int] | None:
    path = options.cac or (Path(settings.cac_file) if settings.cac_file else None)
    if path is None:
        return None
    asked_by = "--cac" if options.cac else "LTV_CAC_FILE"
    return by_month(read_costs(path, currency, asked_by), options.channel)


def _print(made: Made, options: Options) -> None:
    if options.as_json:
        click.echo(_json(made.as_object()))
    elif options.as_csv:
        lines = io.StringIO()
        write_csv(made.as_object(), lines)
        click.echo(lines.getvalue(), nl=False)
    else:
        width = None if sys.stdout.isatty() else WIDE
        made.print(options.metric, Console(highlight=False, width=width))


def _json(found: dict[str, Any]) -> bytes | str:
    """orjson refuses whole numbers beyond 64 bits, which nonsense rates can make."""
    try:
        return orjson.dumps(found, option=orjson.OPT_INDENT_2)
    except TypeError:
        return json.dumps(found, indent=2, ensure_ascii=False)


def _warn(published: PublishedCohorts) -> None:
    if is_stale(published.oldest_at, time.time()):
        click.echo(f"ltv: {stale_sentence(published.oldest_at)}", err=True)
    if published.missing:
        numbers = ", ".join(map(str, published.missing))
        click.echo(
            f"ltv: Nothing is published yet of partition {numbers} (of {published.partitions}):"
            " the report lacks its customers.",
            err=True,
        )
