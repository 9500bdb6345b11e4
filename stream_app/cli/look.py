"""Commands that look and change nothing: show, explain, verify."""

from __future__ import annotations

from pathlib import Path

import click

from stream_app.cli.options import CONNECTION, Text, setting_options, settings_from
from stream_app.cli.supply import TYPES
from stream_app.errors import UsageError

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


@click.command()
@click.argument("customer_id", metavar="ID", type=Text())
@JSON
@setting_options("redis_url", "key_prefix")
@click.pass_context
def show(context: click.Context, customer_id: str, as_json: bool) -> int:
    """A customer's scores, as a storefront reads them from Redis."""
    settings = settings_from(context)
    from stream_app.jobs.show import run

    return run(settings, customer_id, as_json=as_json)


@click.command()
@click.argument("customer_id", metavar="ID", type=Text())
@JSON
@setting_options(*CONNECTION, "key_prefix")
@click.pass_context
def explain(context: click.Context, customer_id: str, as_json: bool) -> int:
    """Every number in a customer's scores, from its inputs."""
    settings = settings_from(context)
    from stream_app.jobs.explain import run

    return run(settings, customer_id, as_json=as_json)


@click.command()
@JSON
@click.option(
    "--sample", type=click.IntRange(min=1), metavar="N", help="Compare only N customers in Redis."
)
@click.option("--state-only", is_flag=True, help="Leave Redis out.")
@click.option("--redis-only", is_flag=True, help="Leave the comparison of the state out.")
@click.option(
    "--history",
    multiple=True,
    metavar="FILES|SQL",
    help="Of a build that ltv backfill made: the history as it was given there.",
)
@click.option("--type", "kind", type=click.Choice(TYPES), help="Of --history, as in backfill.")
@click.option("--map", "mapping", multiple=True, metavar="FIELD=COLUMN", help="The same.")
@click.option("--event-id", metavar="COLUMN", help="The same.")
@click.option(
    "--metrics",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the verdict as Prometheus metrics, for a textfile collector.",
)
@setting_options(*CONNECTION, "app_id", "build", "key_prefix")
@click.pass_context
def verify(
    context: click.Context,
    as_json: bool,
    sample: int | None,
    state_only: bool,
    redis_only: bool,
    history: tuple[str, ...],
    kind: str | None,
    mapping: tuple[str, ...],
    event_id: str | None,
    metrics: Path | None,
) -> int:
    """Recount everything from the topics and compare: exit 0 only when all is equal, else 1."""
    if state_only and redis_only:
        raise UsageError("--state-only and --redis-only leave nothing to compare; drop one.")
    settings = settings_from(context)
    from stream_app.jobs.verification.history import HistoryOrder
    from stream_app.jobs.verify import run

    named = (*mapping, f"event_id={event_id}") if event_id is not None else mapping
    return run(
        settings,
        as_json=as_json,
        sample=sample,
        state_only=state_only,
        redis_only=redis_only,
        history=HistoryOrder(history, kind, named) if history else None,
        metrics=metrics,
    )
