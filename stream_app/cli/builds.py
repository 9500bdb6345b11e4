"""The command that makes a new build of a history: backfill."""

from __future__ import annotations

from pathlib import Path

import click

from stream_app.cli.options import setting_options, settings_from
from stream_app.cli.supply import TYPES

HISTORY_HELP = (
    "A CSV, Parquet or JSON lines file, a pattern of them, or SQL for DuckDB; TYPE= before it says"
    " what its rows are. May be given several times."
)


@click.command()
@click.option("--history", multiple=True, required=True, metavar="FILES|SQL", help=HISTORY_HELP)
@click.option(
    "--until", required=True, metavar="T", help="The cut: what happened before it is taken."
)
@click.option("--into", type=click.IntRange(1), metavar="N", help="Default: LTV_BUILD + 1.")
@click.option("--type", "kind", type=click.Choice(TYPES), help="What rows without a type are.")
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="FIELD=COLUMN",
    help="Which column holds a field, where the header does not tell.",
)
@click.option("--event-id", metavar="COLUMN", help="Which column holds the event id.")
@click.option(
    "--lateness",
    metavar="TIME",
    help="How far before the cut the stream begins: 24h, 90m, 0. Default: 24h, and 0 where there"
    " are no event ids by which an overlap would be known.",
)
@click.option(
    "--refused",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Where refused rows are written; default: beside the first file.",
)
@click.option("--skip-refused", is_flag=True, help="Leave out rows a worker would refuse.")
@click.option("--dry-run", is_flag=True, help="Read, check and count everything; write nothing.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Where there is room for a copy of the history; default: where temporary files go.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@setting_options("brokers", "app_id", "build", "partitions", "partitioner", "currency", "time_zone")
@click.pass_context
def backfill(
    context: click.Context,
    history: tuple[str, ...],
    until: str,
    into: int | None,
    kind: str | None,
    mapping: tuple[str, ...],
    event_id: str | None,
    lateness: str | None,
    refused: Path | None,
    skip_refused: bool,
    dry_run: bool,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Make a new build of a history that never went through Kafka; its worker streams on from T.

    DuckDB reads the history, its rows become the very states that a stream of them would have
    made, and those become the changelog of the next build, beside the one that runs. Which column
    is taken for what is shown first. A refused row ends it with 2 before anything is written.
    """
    settings = settings_from(context)
    from stream_app.jobs.backfill import Order, run

    named = (*mapping, f"event_id={event_id}") if event_id is not None else mapping
    order = Order(
        history=history,
        until=until,
        into=into,
        kind=kind,
        mapping=named,
        lateness=lateness,
        refused=refused,
        skip_refused=skip_refused,
        dry_run=dry_run,
        directory=directory,
    )
    return run(settings, order, as_json=as_json)
