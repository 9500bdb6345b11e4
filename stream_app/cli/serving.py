"""Commands that answer: serve."""

from __future__ import annotations

import click

from stream_app.cli.options import setting_options, settings_from

PORT = "8080"
"""A worker on the same machine has 8081."""


@click.command()
@setting_options(
    "redis_url", "key_prefix", "http_host", "http_port", "as_of", "data_from", "cac_file",
    "log_format",
)  # fmt: skip
@click.pass_context
def serve(context: click.Context) -> int:
    """Answer over HTTP, from Redis alone: scores, the report, and pages for people."""
    settings = settings_from(context, {"LTV_HTTP_PORT": PORT})
    from stream_app.log import configure
    from stream_app.serve.command import run

    configure(settings)
    return run(settings)
