"""What programs ask: customers, cohorts, segments, status, and how the server itself is doing."""

from __future__ import annotations

from hashlib import blake2b
from importlib.metadata import version
from typing import Final

from aiohttp import web

from stream_app.errors import NotFound
from stream_app.metrics import Metrics
from stream_app.serve.asking import known_only, question
from stream_app.serve.conditional import tagged
from stream_app.serve.customers import Customers, as_json, id_from_path
from stream_app.serve.openapi import document
from stream_app.serve.publication import Publication
from stream_app.serve.reports import Made, Reports, of_metric
from stream_app.serve.segments import read_segments
from stream_app.serve.status import StatusReader
from stream_app.serve.trouble import BadQuestion, Wrong
from stream_app.settings import Settings
from stream_app.web.answers import dumps, json_answer, metrics_answer

CUSTOMERS: Final = "/v1/customers/"
JSON: Final = "application/json"
AS_OF: Final = ("now", "published")


class Api:
    """The handlers, and their routes."""

    def __init__(self, settings: Settings, publication: Publication, metrics: Metrics) -> None:
        self._settings = settings
        self._publication = publication
        self._metrics = metrics
        self.customers = Customers(settings, publication)
        self.reports = Reports(settings, publication)
        self.status = StatusReader(publication)

    def routes(self) -> list[web.RouteDef]:
        """For the application."""
        return [
            web.get(CUSTOMERS + "{id:.*}", self._customer),
            web.get("/v1/cohorts", self._cohorts),
            web.get("/v1/segments", self._segments),
            web.get("/v1/status", self._status),
            web.get("/openapi.json", self._openapi),
            web.get("/livez", self._livez),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._metrics_text),
        ]

    async def _customer(self, request: web.Request) -> web.Response:
        as_of = "now"
        if request.query_string:
            known_only(request.query, ("as_of",))
            as_of = request.query.get("as_of", as_of)
            if as_of not in AS_OF:
                raise BadQuestion([Wrong("as_of", f"{as_of!a} is none of {', '.join(AS_OF)}")])
        customer_id = id_from_path(request.rel_url.raw_path[len(CUSTOMERS) :])
        score = None
        if customer_id:
            read = self.customers.now if as_of == "now" else self.customers.published
            score = await read(customer_id)
        if customer_id is None or score is None:
            raise NotFound(f"Nothing is published of customer {customer_id!a}.")
        body, tag = as_json(customer_id, score)
        return tagged(request, body, tag, weak=True, content_type=JSON)

    async def _cohorts(self, request: web.Request) -> web.Response:
        asked = question(request.query)

        def encoded(made: Made) -> tuple[bytes, str]:
            body = dumps(of_metric(made.answer, asked))
            return body, blake2b(body, digest_size=16).hexdigest()

        body, tag = await self.reports.of(asked, "json", encoded)
        return tagged(request, body, tag, weak=False, content_type=JSON)

    async def _segments(self, request: web.Request) -> web.Response:
        known_only(request.query, ())
        body = dumps(await read_segments(self._settings, self._publication))
        tag = blake2b(body, digest_size=16).hexdigest()
        return tagged(request, body, tag, weak=False, content_type=JSON)

    async def _status(self, request: web.Request) -> web.Response:
        known_only(request.query, ())
        return json_answer(await self.status.read())

    async def _openapi(self, _request: web.Request) -> web.Response:
        return json_answer(document(version("ltv-live")))

    async def _livez(self, _request: web.Request) -> web.Response:
        return json_answer({"alive": True})

    async def _readyz(self, _request: web.Request) -> web.Response:
        await self._publication.ping()
        return json_answer({"ready": True})

    async def _metrics_text(self, _request: web.Request) -> web.Response:
        return metrics_answer(self._metrics)
