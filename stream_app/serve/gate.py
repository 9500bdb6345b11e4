"""What every request passes: who asks, how many at once, how long, and what goes into each answer.

An answer, whatever it is, may be shown in no frame, is what it says it is, and sends no referrer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import structlog
from aiohttp import web

from stream_app.metrics import Metrics
from stream_app.serve.tokens import Token, is_local
from stream_app.serve.trouble import RETRY_SECONDS, Refused, told
from stream_app.settings import Settings
from stream_app.web.answers import problem, refused

log = structlog.get_logger(__name__)

DEADLINE_SECONDS: Final = 10.0
"""For an answer; a report of many years takes a tenth of a second."""
MOST_OPEN_POSTS: Final = 16
"""Of requests that need no token and have a body, at once."""
BUSY: Final = "Too many people are signing in at once."
OPEN: Final = frozenset({"/livez", "/readyz", "/session"})
"""Addresses that need no token; /session is where it is given."""
UNKNOWN: Final = "unknown"
"""The route of an address that there is not."""
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Server": "ltv",
}
"""Of an answer that does not say otherwise."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Pages(Protocol):
    """How trouble looks to people."""

    def is_page(self, request: web.Request) -> bool:
        """Whether a person asks."""

    def trouble(self, request: web.Request, found: Refused) -> web.Response:
        """The page that says so."""


class Gate:
    """The one middleware of `ltv serve`."""

    def __init__(self, settings: Settings, token: Token, metrics: Metrics, pages: Pages) -> None:
        self._token = token
        self._metrics = metrics
        self._pages = pages
        self._most = settings.serve_concurrency
        self._local = not token and is_local(settings.http_host)
        self._under_way = 0
        self._open_posts = 0
        metrics.set("ltv_http_in_progress", 0)

    def middleware(self) -> Any:
        """For the application."""

        @web.middleware
        async def through(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._through(request, handler)

        return through

    async def _through(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in OPEN:
            return await self._open(request, handler)
        began = time.perf_counter()
        self._under_way += 1
        self._metrics.set("ltv_http_in_progress", self._under_way)
        try:
            answer = await self._answer(request, handler)
        finally:
            self._under_way -= 1
            self._metrics.set("ltv_http_in_progress", self._under_way)
        return self._told(request, answer, began)

    async def _open(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """What needs no token takes no place of those who have one."""
        began = time.perf_counter()
        if request.method == "POST" and self._open_posts >= MOST_OPEN_POSTS:
            return self._told(request, self._say(request, Refused(503, BUSY, {})), began)
        self._open_posts += request.method == "POST"
        try:
            answer = await self._answer(request, handler)
        finally:
            self._open_posts -= request.method == "POST"
        return self._told(request, answer, began)

    def _told(
        self, request: web.Request, answer: web.StreamResponse, began: float
    ) -> web.StreamResponse:
        headers = answer.headers
        for name, value in HEADERS.items():
            if name not in headers:
                headers[name] = value
        resource = request.match_info.route.resource
        route = UNKNOWN if resource is None else resource.canonical
        seconds = time.perf_counter() - began
        labels = (route, str(answer.status))
        self._metrics.observe("ltv_http_request_seconds", seconds, labels=labels)
        return answer

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        denied = self._denied(request)
        if denied is not None:
            return self._say(request, denied)
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return self._router_says(request, error)
        except Exception as error:
            found = told(error)
            if found is None:
                log.exception("a request failed", route=str(request.match_info.route.resource))
                found = Refused(500, "This is a fault of ours; the server's log has it.", {})
            return self._say(request, found)

    def _denied(self, request: web.Request) -> Refused | None:
        """Why a request is not even looked at."""
        if request.path in OPEN:
            return None
        if self._local and not is_local(request.host):
            # Else any page in a browser here could read customers: by a name of its own that it
            # makes lead to 127.0.0.1.
            return Refused(
                421,
                "Without LTV_SERVE_TOKEN this server answers only to localhost, by that name or"
                " its address.",
                {},
            )
        if not self._token.admits(request):
            return Refused(401, "This needs the token: Authorization: Bearer <token>.", {})
        if self._under_way > self._most:
            return Refused(503, f"{self._most} requests are worked on already.", {})
        return None

    def _router_says(self, request: web.Request, error: web.HTTPException) -> web.StreamResponse:
        if self._pages.is_page(request) and isinstance(error, web.HTTPNotFound):
            return self._pages.trouble(request, Refused(404, "There is no such page.", {}))
        return refused(error, "There is no such address; /openapi.json describes those there are.")

    def _say(self, request: web.Request, found: Refused) -> web.Response:
        if self._pages.is_page(request):
            answer = self._pages.trouble(request, found)
        else:
            answer = problem(found.status, found.detail, found.members)
        if found.status == 503:
            answer.headers["Retry-After"] = str(RETRY_SECONDS)
        if found.status == 401:
            answer.headers["WWW-Authenticate"] = 'Bearer realm="ltv"'
        return answer
