"""The command `ltv`. Importing it is cheap: a command imports its work when it is called."""

from __future__ import annotations

from typing import NoReturn

import click

from stream_app import __version__
from stream_app.cli import (
    builds,
    cut_over,
    dead_letters,
    look,
    modelling,
    operate,
    replaying,
    reporting,
    serving,
    supply,
)
from stream_app.cli.group import Commands, run


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="ltv")
def ltv() -> None:
    """Live customer lifetime value: purchases in Kafka become scores in Redis.

    Settings come from LTV_* variables (`ltv settings` lists them); options win over them. Results
    go to standard output, everything else to standard error. Exit codes: 0 fine, 1 a fault or a
    difference found, 2 wrong usage, 78 wrong configuration.
    """


for _command in (
    operate.demo,
    operate.dev,
    operate.worker,
    operate.topics,
    operate.settings,
    supply.send,
    look.show,
    look.explain,
    look.verify,
    reporting.report,
    serving.serve,
    modelling.fit,
    modelling.validate,
    modelling.models,
    dead_letters.dlq,
    cut_over.builds,
    cut_over.diff,
    cut_over.cut_over,
    builds.backfill,
    replaying.replay,
):
    ltv.add_command(_command)


def main() -> NoReturn:
    """Run `ltv` with the process's arguments and end the process."""
    run(ltv)
