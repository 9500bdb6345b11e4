"""Commands that run things: demo, dev, worker, topics, settings."""

from __future__ import annotations

from pathlib import Path

import click

from stream_app.cli.options import CONNECTION, setting_options, settings_from
from stream_app.cli.output import print_json


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running, with live traffic.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where everything is kept; default: a directory that goes when the demo ends.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.pass_context
def demo(context: click.Context, keep: bool, directory: Path | None, as_json: bool) -> int:
    """Feed real purchases through Kafka and the worker, fit, validate, and verify every score."""
    from stream_app.jobs.demo import run

    return run(settings_from(context), keep=keep, directory=directory, as_json=as_json)


@click.command()
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where Kafka and Valkey keep their files; default: a directory that goes when they do.",
)
@click.option("--kafka-port", type=click.IntRange(0, 65535), default=9092, show_default=True)
@click.option("--redis-port", type=click.IntRange(0, 65535), default=6379, show_default=True)
def dev(directory: Path | None, kafka_port: int, redis_port: int) -> int:
    """Run a real Kafka and a real Valkey here until Ctrl-C; nothing to install."""
    from stream_app.dev.command import run_dev

    return run_dev(directory, kafka_port, redis_port)


@click.command()
@setting_options(*CONNECTION, "app_id", "build", "as_of", "http_host", "http_port", "log_format")
@click.pass_context
def worker(context: click.Context) -> int:
    """Fold events into customers and publish their scores, until told to stop."""
    settings = settings_from(context)
    from stream_app.log import configure
    from stream_app.wiring import run_worker

    configure(settings)
    return run_worker(settings)


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 78 when something is wrong.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@setting_options("brokers", "partitions", "replication", "build")
@click.pass_context
def topics(context: click.Context, check: bool, as_json: bool) -> int:
    """Create the topics that are missing, and say where others are not as they should be."""
    settings = settings_from(context)
    from stream_app.jobs.topics import run

    return run(settings, create=not check, as_json=as_json)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.pass_context
def settings(context: click.Context, as_json: bool) -> None:
    """Every setting, its value, its variable and where it came from; secrets are masked."""
    from stream_app.cli.settings_table import print_settings
    from stream_app.settings import describe

    described = describe(settings_from(context))
    if as_json:
        print_json({"settings": described})
    else:
        print_settings(described)
