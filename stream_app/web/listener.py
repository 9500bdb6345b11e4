"""A listener: a port that is opened, or one sentence about why it can't be."""

from __future__ import annotations

import errno
from typing import Any

from aiohttp import web

from stream_app.errors import ConfigurationError


class Listener:
    """One application on one port: `start` it, ask for its `url`, `stop` it.

    `options` are those of aiohttp's server, such as `max_line_size`.
    """

    def __init__(self, host: str, port: int, *, stop_seconds: float = 1.0, **options: Any) -> None:
        self._host = host
        self._port = port
        self._stop_seconds = stop_seconds
        self._options = options
        self._runner: web.AppRunner | None = None

    async def start(self, application: web.Application) -> str:
        """Listen, and return the URL; port 0 takes any free one.

        Raises ConfigurationError when the port is used or the address is not this machine's.
        """
        self._runner = web.AppRunner(
            application,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=self._stop_seconds,
            **self._options,
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self.stop()
            raise ConfigurationError(_why_not(error, self._host, self._port)) from error
        return self.url

    @property
    def url(self) -> str:
        """Where it listens, such as http://127.0.0.1:8081."""
        assert self._runner is not None, "not started"
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening; what is under way may end. Harmless when it never listened."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is used by another program; choose another with LTV_HTTP_PORT,"
            " or 0 for any free one."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} may not be opened by this user; choose LTV_HTTP_PORT above 1023."
    return f"LTV_HTTP_HOST is {host!r}, where this machine can't listen: {error.strerror or error}."
