"""Commands about refused records: dlq list, dlq replay."""

from __future__ import annotations

import click

from stream_app.cli.group import Commands
from stream_app.cli.options import setting_options, settings_from


class ReasonName(click.ParamType):
    """A reason for which records are refused, by its name."""

    name = "reason"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The name; fails where there is no such reason, and names those that there are."""
        from stream_app.wire.refusal import Reason

        names = [reason.value for reason in Reason]
        if value not in names:
            self.fail(f"{value!a} is none of {', '.join(names)}.", param, ctx)
        return str(value)


REASON = click.option(
    "--reason", type=ReasonName(), metavar="REASON", help="Only records refused for this reason."
)
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


@click.group(cls=Commands)
def dlq() -> None:
    """Refused records: look at them, or send them again."""


@dlq.command("list")
@REASON
@click.option(
    "--limit", type=click.IntRange(min=0), default=100, show_default=True, help="0: all of them."
)
@JSON
@setting_options("brokers", "topic_dead_letters")
@click.pass_context
def list_letters(context: click.Context, reason: str | None, limit: int, as_json: bool) -> int:
    """Refused records with their reasons, the newest last, and how many of each reason."""
    settings = settings_from(context)
    from stream_app.jobs.dlq import run_list

    return run_list(settings, reason=reason, limit=limit, as_json=as_json)


@dlq.command()
@REASON
@click.option("--dry-run", is_flag=True, help="Count what would be sent; send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@JSON
@setting_options("brokers", "topic_dead_letters", "partitioner")
@click.pass_context
def replay(
    context: click.Context, reason: str | None, dry_run: bool, yes: bool, as_json: bool
) -> int:
    """Send refused records again to the topic they came from, as they were.

    Up to the end of the dead letters as it is at the start. What is refused again becomes a new
    letter; what was accepted meanwhile is a duplicate and changes nothing.
    """
    settings = settings_from(context)
    from stream_app.jobs.dlq import run_replay

    return run_replay(settings, reason=reason, dry_run=dry_run, yes=yes, as_json=as_json)
