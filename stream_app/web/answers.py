"""Answers: JSON, the text of metrics, and problem documents (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

import orjson
from aiohttp import web

from stream_app.metrics import Metrics

TEXT_FORMAT: Final = "text/plain; version=0.0.4; charset=utf-8"
PROBLEM: Final = "application/problem+json"


def dumps(found: Any) -> bytes:
    """JSON; orjson refuses whole numbers beyond 64 bits, which nonsense rates can make.

    >>> dumps({"day": date(2024, 2, 29), "mean": Decimal("12.50"), "minor": 10**20})
    b'{"day": "2024-02-29", "mean": 12.5, "minor": 100000000000000000000}'
    """
    try:
        return orjson.dumps(found, default=_plain)
    except TypeError:
        return json.dumps(found, default=_plain, ensure_ascii=False).encode()


def json_answer(body: Mapping[str, Any]) -> web.Response:
    """200 with a JSON object."""
    return web.Response(body=dumps(body), content_type="application/json")


def metrics_answer(metrics: Metrics) -> web.Response:
    """200 with all that a process counts, as Prometheus reads it."""
    return web.Response(body=metrics.text(), headers={"Content-Type": TEXT_FORMAT})


def problem(status: int, detail: str, members: Mapping[str, Any] | None = None) -> web.Response:
    """A problem document; `members` are its extension members."""
    answer = web.Response(status=status, content_type=PROBLEM)
    body = {
        **(members or {}),
        "type": "about:blank",
        "title": answer.reason,
        "status": status,
        "detail": detail,
    }
    answer.body = orjson.dumps(body)
    return answer


def refused(error: web.HTTPException, unknown: str) -> web.Response:
    """The problem document of what the router refuses; `unknown` is said of a wrong address."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        answer = problem(405, f"This address takes {allowed}.")
        answer.headers["Allow"] = allowed
        return answer
    if isinstance(error, web.HTTPNotFound):
        return problem(404, unknown)
    return problem(error.status, error.reason)


def _plain(value: object) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
