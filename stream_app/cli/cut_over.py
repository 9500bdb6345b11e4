"""Commands about builds that exist: builds, builds delete, diff, cut-over."""

from __future__ import annotations

import click

from stream_app.cli.group import Commands
from stream_app.cli.options import CONNECTION, setting_options, settings_from
from stream_app.errors import UsageError

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


class Pair(click.ParamType):
    """Two numbers of builds, as `1,2`."""

    name = "N,M"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """The two; fails where they are not two different builds."""
        words = str(value).split(",")
        if len(words) == 2 and all(word.isdecimal() and int(word) for word in words):
            one, other = int(words[0]), int(words[1])
            if one != other:
                return one, other
        self.fail(f"{value!r} is not two different builds, as in 1,2.", param, ctx)


@click.group(cls=Commands, invoke_without_command=True)
@JSON
@setting_options(*CONNECTION, "app_id", "key_prefix")
@click.pass_context
def builds(context: click.Context, as_json: bool) -> int | None:
    """The builds there are: size, workers, lag, and which of them publishes."""
    if context.invoked_subcommand is not None:
        return None
    settings = settings_from(context)
    from stream_app.jobs.builds.listing import run

    return run(settings, as_json=as_json)


@builds.command()
@click.argument("number", metavar="N", type=click.IntRange(min=1))
@click.option("--yes", is_flag=True, help="Do not ask.")
@JSON
@setting_options(*CONNECTION, "app_id", "key_prefix")
@click.pass_context
def delete(context: click.Context, number: int, yes: bool, as_json: bool) -> int:
    """Remove a build that is retired: its changelog, its group, and what Redis knows of both.

    Refused for the build that publishes, and for one whose workers are alive.
    """
    settings = settings_from(context)
    from stream_app.jobs.builds.delete import run

    return run(settings, number, yes=yes, as_json=as_json)


@click.command()
@click.option("--builds", "pair", type=Pair(), required=True, help="The two builds, as in 1,2.")
@click.option(
    "--sample", type=click.IntRange(min=1), metavar="N", help="Compare about N customers only."
)
@JSON
@setting_options("brokers", "app_id", "as_of")
@click.pass_context
def diff(context: click.Context, pair: tuple[int, int], sample: int | None, as_json: bool) -> int:
    """Compare two builds customer by customer: exit 0 only when all are equal, else 1.

    Works under live traffic: what one build has read and the other has not is accounted for.
    """
    settings = settings_from(context)
    from stream_app.jobs.builds.diff import run

    return run(settings, pair, sample=sample, as_json=as_json)


@click.command("cut-over")
@click.option("--to", type=click.IntRange(min=1), metavar="N", help="The build that is to publish.")
@click.option("--back", is_flag=True, help="The build that published before the last cut-over.")
@click.option(
    "--max-lag",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    metavar="RECORDS",
    help="Records of its topics that the build may not have read yet.",
)
@click.option(
    "--other-topics",
    is_flag=True,
    help="The build was made from other topics than the publishing one, and that is right.",
)
@click.option("--force", is_flag=True, help="Switch though no worker of the build is alive.")
@click.option("--dry-run", is_flag=True, help="Look whether the build is ready; change nothing.")
@JSON
@setting_options(*CONNECTION, "app_id", "key_prefix")
@click.pass_context
def cut_over(
    context: click.Context,
    to: int | None,
    back: bool,
    max_lag: int,
    other_topics: bool,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Make another build the one whose scores readers see, without their noticing.

    Waits until the build has published every customer, and deletes those whom only the older build
    knew. Given again after it was interrupted, it goes on where it was.
    """
    if back == (to is not None):
        raise UsageError("Say which build is to publish: --to N, or --back, one of the two.")
    settings = settings_from(context)
    from stream_app.jobs.builds.cut_over import Order, run
    from stream_app.jobs.builds.readiness import Demands

    demands = Demands(max_lag=max_lag, other_topics=other_topics, force=force)
    return run(settings, Order(to, demands, dry_run=dry_run), as_json=as_json)
