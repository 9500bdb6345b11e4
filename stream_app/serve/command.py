"""`ltv serve`: check, listen, wait to be told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from pathlib import Path

import click
import structlog

from stream_app.errors import ConfigurationError
from stream_app.serve.server import Server
from stream_app.serve.tokens import is_local
from stream_app.settings import Settings

log = structlog.get_logger(__name__)


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT."""
    _check(settings)
    # A report is a million small objects: with Python's thresholds the collector walks all of them
    # several times while they are made, a third of the time that takes.
    gc.set_threshold(100_000, 50, 100)
    # What is no HTTP is refused by aiohttp; its log would have it whole, at strangers' will.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    asyncio.run(_serve(settings))
    return 0


def _check(settings: Settings) -> None:
    if settings.cac_file:
        try:
            with Path(settings.cac_file).open("rb"):
                pass
        except OSError as error:
            raise ConfigurationError(
                f"LTV_CAC_FILE names {settings.cac_file!r}, which can't be read: {error.strerror}."
            ) from None


async def _serve(settings: Settings) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    server = Server(settings)
    try:
        url = await server.start()
        click.echo(url)  # on standard output, for who started it with port 0
        log.info("serving", http=url, to_everybody=not settings.serve_token)
        if not settings.serve_token and not is_local(settings.http_host):
            log.warning(
                "anybody who reaches this port can read every customer: set LTV_SERVE_TOKEN",
                host=settings.http_host,
            )
        await asked.wait()
        log.info("stopping")
    finally:
        await server.stop()
