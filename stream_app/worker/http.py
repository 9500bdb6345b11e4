"""What a worker shows over HTTP: is it alive, is it ready, and its metrics.

    GET /livez     200 while the event loop turns
    GET /readyz    200 when every assigned partition is recovered, else 503; the body says which
                   are not. A worker without a partition is ready.
    GET /metrics   Prometheus text

Errors are problem documents (RFC 9457).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from stream_app.metrics import Metrics
from stream_app.web.answers import json_answer, metrics_answer, problem, refused
from stream_app.web.listener import Listener

Ready = Callable[[], tuple[bool, Mapping[str, Any]]]
"""Whether the worker is ready, and what there is to say about it (JSON values)."""


class HttpServer:
    """The listener of one worker: `start` it, ask for its `url`, `stop` it."""

    def __init__(self, host: str, port: int, metrics: Metrics, ready: Ready) -> None:
        self._listener = Listener(host, port)
        self._metrics = metrics
        self._ready = ready

    async def start(self) -> str:
        """Listen, and return the URL; ConfigurationError where that can't be."""
        application = web.Application(middlewares=[_problems])
        application.router.add_get("/livez", self._livez)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics_text)
        return await self._listener.start(application)

    @property
    def url(self) -> str:
        """Where it listens, such as http://127.0.0.1:8081."""
        return self._listener.url

    async def stop(self) -> None:
        """Stop listening; harmless when it never did."""
        await self._listener.stop()

    async def _livez(self, _request: web.Request) -> web.Response:
        return json_answer({"alive": True})

    async def _readyz(self, _request: web.Request) -> web.Response:
        ready, detail = self._ready()
        if ready:
            return json_answer({"ready": True, **detail})
        return problem(503, "Not every assigned partition is recovered yet.", detail)

    async def _metrics_text(self, _request: web.Request) -> web.Response:
        return metrics_answer(self._metrics)


@web.middleware
async def _problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return refused(error, "There are /livez, /readyz and /metrics.")
