"""The OpenAPI 3.1 document of `ltv serve`; what answers look like stands in `shapes`."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any, Final

from stream_app.core.cohorts.cells import OFFSETS, TABLES
from stream_app.core.cohorts.lines import METRICS
from stream_app.serve import shapes

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"


def document(of_version: str) -> dict[str, Any]:
    """All of it."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Live customer lifetime value",
            "version": of_version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Scores, cohort report and status, from Redis alone. Money is in whole"
            " minor units of `currency`; what is absent or null is unknown, never 0.",
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"bearer": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "LTV_SERVE_TOKEN, where it is set.",
                }
            },
            "schemas": shapes.schemas(),
            "responses": {str(status): _problem(words) for status, words in _PROBLEMS.items()},
        },
    }


_PROBLEMS: Final = {
    400: "A parameter is wrong; `errors` names each.",
    401: "The token is missing or wrong.",
    404: "Nothing is published of this.",
    503: "Redis is away, or too much is asked at once; Retry-After says when to come again.",
}


def _paths() -> dict[str, Any]:
    return {
        "/v1/customers/{id}": _get(
            "One customer's scores",
            "As of now (or of LTV_AS_OF). The tag is weak: it changes with everything but the"
            " clock.",
            "Customer",
            [
                _parameter(
                    "id",
                    {"type": "string", "minLength": 1, "maxLength": 128},
                    "Customer id, percent-encoded.",
                    place="path",
                ),
                _parameter(
                    "as_of",
                    {"enum": ["now", "published"], "default": "now"},
                    "published: as the worker wrote them.",
                ),
            ],
            (400, 404),
        ),
        "/v1/cohorts": _get(
            "The cohort report",
            "Equal to a recount of all events. A month that has not begun is null.",
            "Report",
            [
                _parameter(
                    "by",
                    {"enum": list(TABLES), "default": "signup"},
                    "Month that makes a cohort.",
                ),
                _parameter(
                    "channel",
                    {"type": "string", "maxLength": 64},
                    "Only customers won by it; empty: without one.",
                ),
                _parameter("from", shapes.MONTH, "First cohort."),
                _parameter("to", shapes.MONTH, "Last cohort."),
                _parameter(
                    "metric", {"enum": list(METRICS)}, "Only this one; without it all of them."
                ),
                _parameter(
                    "offsets",
                    {"type": "integer", "minimum": 0, "maximum": OFFSETS - 1, "default": 11},
                    "Last month since the cohort's own.",
                ),
            ],
            (400, 404),
        ),
        "/v1/segments": _get(
            "Tiers, value at risk, RFM segments, concentration, second purchase",
            "Of all customers, as they were looked over last.",
            "Segments",
            [],
            (404,),
        ),
        "/v1/status": _get(
            "How the workers are doing",
            "What each partition's owner said last, about once a second; of stale ones no rate.",
            "Status",
            [],
            (404,),
        ),
    }


def _get(
    summary: str,
    description: str,
    schema: str,
    parameters: list[dict[str, Any]],
    problems: tuple[int, ...],
) -> dict[str, Any]:
    content = {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    told = {
        str(status): {"$ref": f"#/components/responses/{status}"}
        for status in sorted({*problems, 401, 503})
    }
    unchanged = {}
    if schema != "Status":
        unchanged = {"304": {"description": "If-None-Match names what it is now."}}
    answered = {"description": summary, "content": content}
    return {
        "get": {
            "operationId": schema[0].lower() + schema[1:],
            "summary": summary,
            "description": description,
            "parameters": parameters,
            "responses": {"200": answered, **unchanged, **told},
        }
    }


def _parameter(
    name: str, schema: dict[str, Any], words: str, *, place: str = "query"
) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": words,
        "schema": schema,
    }


def _problem(words: str) -> dict[str, Any]:
    return {
        "description": words,
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def main() -> None:
    """Print it, as `schemas/openapi.json` has it."""
    print(json.dumps(document(version("ltv-live")), indent=2))


if __name__ == "__main__":
    main()
