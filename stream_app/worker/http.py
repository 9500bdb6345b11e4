"""What a worker shows over HTTP: is it alive, is it ready, and its metrics.

    GET /livez     200 while the event loop turns
    GET /readyz    200 when every assigned partition is recovered, else 503; the body says which
                   are not. A worker without a partition is ready.
    GET /metrics   Prometheus text

Errors are problem documents (RFC 9457).
"""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from stream_app.errors import ConfigurationError
from stream_app.metrics import Metrics

Ready = Callable[[], tuple[bool, Mapping[str, Any]]]
"""Whether the worker is ready, and what there is to say about it (JSON values)."""

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class HttpServer:
    """The listener of one worker: `start` it, ask for its `url`, `stop` it."""

    def __init__(self, host: str, port: int, metrics: Metrics, ready: Ready) -> None:
        self._host = host
        self._port = port
        self._metrics = metrics
        self._ready = ready
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen, and return the URL; port 0 takes any free one.

        Raises ConfigurationError when the port is used or the address is not this machine's.
        """
        application = web.Application(middlewares=[_problems])
        application.router.add_get("/livez", self._livez)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics_text)
        self._runner = web.AppRunner(
            application, access_log=None, handle_signals=False, shutdown_timeout=1.0
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
        """Stop listening; harmless when it never did."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _livez(self, _request: web.Request) -> web.Response:
        return _json({"alive": True})

    async def _readyz(self, _request: web.Request) -> web.Response:
        ready, detail = self._ready()
        if ready:
            return _json({"ready": True, **detail})
        return problem(503, "Not every assigned partition is recovered yet.", detail)

    async def _metrics_text(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.text(), headers={"Content-Type": TEXT_FORMAT})


def problem(status: int, detail: str, members: Mapping[str, Any] | None = None) -> web.Response:
    """A problem document (RFC 9457); `members` are its extension members."""
    title = web.Response(status=status).reason
    body = {
        **(members or {}),
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
    }
    return web.Response(
        status=status, body=orjson.dumps(body), content_type="application/problem+json"
    )


@web.middleware
async def _problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as refused:
        allowed = ", ".join(sorted(refused.allowed_methods))
        answer = problem(405, f"This address takes {allowed}.")
        answer.headers["Allow"] = allowed
        return answer
    except web.HTTPNotFound:
        return problem(404, "There are /livez, /readyz and /metrics.")
    except web.HTTPException as refused:
        return problem(refused.status, refused.reason)


def _json(body: Mapping[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is used by another program; choose another with LTV_HTTP_PORT,"
            " or 0 for any free one."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} may not be opened by this user; choose LTV_HTTP_PORT above 1023."
    return f"LTV_HTTP_HOST is {host!r}, where this machine can't listen: {error.strerror or error}."
