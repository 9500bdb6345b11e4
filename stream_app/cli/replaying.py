"""The command that folds the log again: replay."""

from __future__ import annotations

from pathlib import Path

import click

from stream_app.cli.options import setting_options, settings_from


@click.command()
@click.option(
    "--from",
    "begin",
    metavar="T|OFFSETS",
    help="A date, a time (of the records in Kafka), or TOPIC:PARTITION=OFFSET,...; default: the"
    " beginning.",
)
@click.option("--to", "end", metavar="T|OFFSETS", help="The same; default: the end as it is now.")
@click.option(
    "--into",
    default="memory",
    show_default=True,
    metavar="TARGET",
    help="memory: nothing but the summary; file or NAME.parquet: customers, one a row; shadow or N:"
    " a new build (shadow: LTV_BUILD + 1).",
)
@click.option("--as-of", metavar="T", help="When the scores hold; default: now.")
@click.option(
    "--processes", type=click.IntRange(1), metavar="N", help="Side by side; default: one a core."
)
@click.option(
    "--checkpoint",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="Keep what is folded there, and go on from it.",
)
@click.option("--rate", type=click.FloatRange(min=1), help="Records a second; default: all it can.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@setting_options("brokers", "app_id", "build", "partitions", "partitioner", "currency", "time_zone")
@click.pass_context
def replay(
    context: click.Context,
    begin: str | None,
    end: str | None,
    into: str,
    as_of: str | None,
    processes: int | None,
    checkpoint: Path | None,
    rate: float | None,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Fold the log, or a part of it, again: the same log gives the same state hash, every time.

    It reads with consumers of its own, in a process a core, and touches neither the workers nor
    Redis. The range is captured once, so it ends while events go on coming in.
    """
    settings = settings_from(context)
    from stream_app.jobs.replay import Order, run

    order = Order(
        begin=begin,
        end=end,
        into=into,
        as_of=as_of,
        processes=processes,
        checkpoint=checkpoint,
        rate=rate,
        overwrite=overwrite,
    )
    return run(settings, order, as_json=as_json)
