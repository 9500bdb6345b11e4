"""Commands that add up: report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from stream_app.cli.options import setting_options, settings_from

if TYPE_CHECKING:
    from stream_app.core.cohorts.cells import Table
    from stream_app.core.cohorts.lines import Metric

BY = ("signup", "first-purchase")
METRICS = ("ltr", "arpu", "arppu", "active", "paying", "revenue")


@click.command()
@click.option(
    "--by",
    type=click.Choice(BY),
    default="signup",
    show_default=True,
    help="Month that makes a cohort.",
)
@click.option("--channel", metavar="NAME", help="Only customers won by it; empty: without one.")
@click.option("--from", "first", metavar="YYYY-MM", help="First cohort.")
@click.option("--to", "last", metavar="YYYY-MM", help="Last cohort.")
@click.option(
    "--metric",
    type=click.Choice(METRICS),
    default="ltr",
    show_default=True,
    help="What the table shows; CSV and JSON have all.",
)
@click.option(
    "--offsets",
    type=click.IntRange(0, 35),
    default=11,
    show_default=True,
    metavar="N",
    help="Last month since the cohort's own.",
)
@click.option(
    "--cac",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Costs of acquisition as CSV: month, amount, currency and, optionally, channel; without"
    " it those of LTV_CAC_FILE.",
)
@click.option("--csv", "as_csv", is_flag=True, help="CSV, a line a cohort and month.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write it as a page of charts that needs nothing but itself.",
)
@setting_options("redis_url", "key_prefix", "as_of", "data_from")
@click.pass_context
def report(
    context: click.Context,
    by: str,
    channel: str | None,
    first: str | None,
    last: str | None,
    metric: str,
    offsets: int,
    cac: Path | None,
    as_csv: bool,
    as_json: bool,
    html: Path | None,
) -> int:
    """What the customers of each month were worth since: LTR, ARPU, ARPPU, retention, payback.

    Read from the totals that workers keep in Redis; equal to a recount of all events.
    """
    settings = settings_from(context)
    from stream_app.jobs.report.command import Options, run

    options = Options(
        cast("Table", by),
        channel,
        first,
        last,
        cast("Metric", metric),
        offsets,
        cac,
        as_csv,
        as_json,
        html,
    )
    return run(settings, options)
