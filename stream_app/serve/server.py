"""The server, built and not yet listening: who works with whom."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from aiohttp import web

from stream_app.metrics import Metrics
from stream_app.serve.api import Api
from stream_app.serve.gate import Gate
from stream_app.serve.publication import Publication
from stream_app.serve.site import Site
from stream_app.serve.tokens import Token
from stream_app.settings import Settings
from stream_app.web.listener import Listener

IDLE_SECONDS: Final = 30.0
"""A connection that asks nothing for so long, or is so slow to ask, is closed."""
STOP_SECONDS: Final = 5.0
"""For requests under way when the server is told to stop."""
MOST_BODY: Final = 4096
"""Bytes; a form with a token is all that anybody sends."""
MOST_LINE: Final = 8190
"""Bytes of an address, and of a header; an id of 128 characters takes up to 1,536."""
MOST_HEADERS: Final = 64


class Server:
    """`start` it, `stop` it."""

    def __init__(self, settings: Settings) -> None:
        self.metrics = Metrics(version("ltv-live"))
        self._publication = Publication(settings)
        token = Token(settings.serve_token)
        api = Api(settings, self._publication, self.metrics)
        site = Site(settings, self._publication, api, token)
        gate = Gate(settings, token, self.metrics, site)
        self._application = web.Application(
            middlewares=[gate.middleware()], client_max_size=MOST_BODY
        )
        self._application.add_routes([*api.routes(), *site.routes()])
        self._listener = Listener(
            settings.http_host,
            settings.http_port,
            stop_seconds=STOP_SECONDS,
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=1.0,
            max_line_size=MOST_LINE,
            max_field_size=MOST_LINE,
            max_headers=MOST_HEADERS,
        )

    async def start(self) -> str:
        """Listen, and return the URL; ConfigurationError where that can't be."""
        return await self._listener.start(self._application)

    async def stop(self) -> None:
        """Let what is under way end, then close everything."""
        await self._listener.stop()
        await self._publication.close()
