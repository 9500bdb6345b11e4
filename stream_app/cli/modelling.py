"""Commands about models: fit, validate, models."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from stream_app.cli.duration import Duration
from stream_app.cli.group import Commands
from stream_app.cli.options import CONNECTION, Text, setting_options, settings_from

if TYPE_CHECKING:
    from stream_app.core.models.parameters import Kind

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
KINDS = ("mbg", "bg", "pareto")


@click.command()
@click.option(
    "--model",
    "kind",
    type=click.Choice(KINDS),
    help="Publish this one; default: mbg, or the likeliest where that has no fit.",
)
@click.option(
    "--challenger",
    is_flag=True,
    help="Publish it to be compared with the model in use, not to take its place.",
)
@click.option("--dry-run", is_flag=True, help="Fit and compare; publish nothing.")
@click.option(
    "--every",
    "every_seconds",
    type=Duration(),
    metavar="TIME",
    help="Go on: fit now and then every TIME (30m, 12h, 7d), until SIGTERM or Ctrl-C.",
)
@JSON
@setting_options("brokers", "app_id", "build", "as_of")
@click.pass_context
def fit(
    context: click.Context,
    kind: str | None,
    challenger: bool,
    dry_run: bool,
    every_seconds: int | None,
    as_json: bool,
) -> int:
    """Fit every model to the customers of now, compare them, and publish one to the workers.

    The state is read while workers go on; days after --as-of are not looked at. Where there is
    not enough to fit to, nothing is published, the condition that fails is said, and the exit code
    is 0.

    With --every a run that fails is tried again, while only a wrong configuration ends the command;
    --json is then one object a line. Two fits at once do no harm: each publishes a model under an
    id of its own, and the last one is used.
    """
    settings = settings_from(context)
    chosen = cast("Kind | None", kind)
    if every_seconds is not None:
        from stream_app.jobs.fit_every import run as run_every

        return run_every(
            *(settings, every_seconds),
            kind=chosen,
            challenger=challenger,
            dry_run=dry_run,
            as_json=as_json,
        )
    from stream_app.jobs.fit import run

    return run(settings, kind=chosen, challenger=challenger, dry_run=dry_run, as_json=as_json)


@click.command()
@click.option(
    "--cut",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    metavar="DATE",
    help="Last day that the models are fitted to; they are graded on those after it.",
)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write a page with charts of calibration and deciles.",
)
@JSON
@setting_options("brokers", "app_id", "build", "as_of")
@click.pass_context
def validate(context: click.Context, cut: datetime, html: Path | None, as_json: bool) -> int:
    """Fit up to a day and grade every model, the formula and past revenue on what came after."""
    settings = settings_from(context)
    from stream_app.jobs.validate import run

    return run(settings, cut.date(), as_json=as_json, html=html)


@click.group(cls=Commands, invoke_without_command=True)
@JSON
@setting_options(*CONNECTION, "topic_models", "key_prefix", "build")
@click.pass_context
def models(context: click.Context, as_json: bool) -> int | None:
    """The models that were published, with their grades: * is in use, + the challenger.

    Live models are graded by what came after them. Grades are read from Redis; where it is away,
    the list is without them.
    """
    if context.invoked_subcommand is not None:
        return None
    settings = settings_from(context)
    from stream_app.jobs.models import run_list

    return run_list(settings, as_json=as_json)


@models.command()
@click.argument("model_id", metavar="ID", type=Text())
@JSON
@setting_options("brokers", "topic_models")
@click.pass_context
def promote(context: click.Context, model_id: str, as_json: bool) -> int:
    """Put a model that was published into use as champion, by appending it once more."""
    settings = settings_from(context)
    from stream_app.jobs.models import run_promote

    return run_promote(settings, model_id, as_json=as_json)


@models.command()
@JSON
@setting_options("brokers", "topic_models")
@click.pass_context
def rollback(context: click.Context, as_json: bool) -> int:
    """Put the champion that was in use before this one into use again."""
    settings = settings_from(context)
    from stream_app.jobs.models import run_roll_back

    return run_roll_back(settings, as_json=as_json)


@models.command()
@click.argument("model_id", metavar="ID", type=Text())
@JSON
@setting_options("brokers", "topic_models")
@click.pass_context
def challenge(context: click.Context, model_id: str, as_json: bool) -> int:
    """Compare a model that was published with the one in use; a challenger before it retires.

    Both are graded. LTV_CHALLENGER_SHARE of the workers says how many customers get its scores.
    """
    settings = settings_from(context)
    from stream_app.jobs.models import run_challenge

    return run_challenge(settings, model_id, as_json=as_json)


@models.command()
@click.argument("model_id", metavar="ID", type=Text())
@click.option("--yes", is_flag=True, help="Do not ask.")
@JSON
@setting_options("brokers", "topic_models")
@click.pass_context
def withdraw(context: click.Context, model_id: str, yes: bool, as_json: bool) -> int:
    """Take a model out of the topic; of the one in use the champion before it takes the place."""
    settings = settings_from(context)
    from stream_app.jobs.models import run_withdraw

    return run_withdraw(settings, model_id, yes=yes, as_json=as_json)
