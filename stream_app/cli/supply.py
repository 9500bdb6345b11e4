"""The command that puts events into Kafka: send."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from stream_app.cli.options import setting_options, settings_from
from stream_app.errors import UsageError

TYPES = ("purchase", "refund", "cancellation", "signup", "activity")


@click.command()
@click.argument(
    "files",
    metavar="[FILE]...",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--type", "kind", type=click.Choice(TYPES), help="What rows without a type are.")
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="FIELD=COLUMN",
    help="Which column holds a field, where the header does not tell.",
)
@click.option("--dry-run", is_flag=True, help="Read and check everything; send nothing.")
@click.option("--skip-refused", is_flag=True, help="Leave out rows a worker would refuse.")
@click.option("--simulate", type=click.IntRange(min=1), metavar="N", help="N made-up customers.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of --simulate.")
@click.option(
    "--days", type=click.IntRange(min=1), default=365, show_default=True, help="Of --simulate."
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="First day after those of --simulate; default: today (other events tomorrow).",
)
@click.option(
    "--rate", type=click.FloatRange(min=0.1), help="Events a second; default: all it can."
)
@click.option("--duration", type=click.FloatRange(min=0.1), help="Stop after so many seconds.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@setting_options("brokers", "partitioner", "currency", "time_zone")
@click.pass_context
def send(
    context: click.Context,
    files: tuple[Path, ...],
    kind: str | None,
    mapping: tuple[str, ...],
    dry_run: bool,
    skip_refused: bool,
    simulate: int | None,
    seed: int,
    days: int,
    until: datetime | None,
    rate: float | None,
    duration: float | None,
    as_json: bool,
) -> int:
    """Send events from CSV, JSON lines or Parquet files, or from a made-up population, to Kafka.

    Each row is checked as a worker would check it. Sending a file again makes duplicates, which
    count once, not new events: a row without an event_id gets one from its content.
    """
    if bool(files) == bool(simulate):
        raise UsageError("Give files to send, or --simulate N, one of the two.")
    settings = settings_from(context)
    from stream_app.jobs.send import Order, run

    order = Order(
        files=files,
        kind=kind,
        mapping=mapping,
        dry_run=dry_run,
        skip_refused=skip_refused,
        simulate=simulate or 0,
        seed=seed,
        days=days,
        until=until.date() if until else None,
        rate=rate,
        duration=duration,
    )
    return run(settings, order, as_json=as_json)
