"""The OpenAPI document, held against what the server really answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator

from stream_app.serve.openapi import document
from tests.docs.page import ROOT
from tests.serve.conftest import Serve
from tests.serve.shop import Shop
from tests.serve.test_api import bought

SCHEMAS = document("1.0")["components"]["schemas"]


def valid(name: str, found: Any) -> None:
    """Fails, saying where, when an answer is not as described."""
    Draft202012Validator.check_schema(SCHEMAS[name])
    errors = list(Draft202012Validator(SCHEMAS[name]).iter_errors(found))
    assert not errors, f"{name}: {errors[0].json_path}: {errors[0].message}"


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("/v1/customers/00004", "Customer"),
        ("/v1/customers/00004?as_of=published", "Customer"),
        ("/v1/cohorts", "Report"),
        ("/v1/cohorts?by=first-purchase&offsets=35", "Report"),
        ("/v1/cohorts?by=first-purchase&metric=revenue", "Report"),
        ("/v1/cohorts?by=first-purchase&metric=active&from=1997-02", "Report"),
        ("/v1/segments", "Segments"),
        ("/v1/status", "Status"),
        ("/v1/cohorts?by=x", "Problem"),
        ("/v1/customers/nobody", "Problem"),
    ],
)
async def test_answers_are_as_described(
    serve: Serve, cdnow_shop: Shop, tmp_path: Path, where: str, name: str
) -> None:
    costs = tmp_path / "costs.csv"
    costs.write_text("month,amount,currency\n1997-01,34500.50,USD\n1996-01,1,USD\n")
    client = await serve(cdnow_shop, cac_file=str(costs))
    async with client.get(where) as answer:
        valid(name, json.loads(await answer.read()))


async def test_by_formula_the_customer_is_as_described_too(serve: Serve, empty_shop: Shop) -> None:
    empty_shop.model = None
    empty_shop.open()
    empty_shop.customer("c", bought("c"))
    client = await serve(empty_shop)
    async with client.get("/v1/customers/c") as answer:
        found = json.loads(await answer.read())
    assert found["basis"] == "formula"
    assert "p_alive" not in found
    valid("Customer", found)


async def test_the_document_names_every_address_and_every_address_answers(
    serve: Serve, cdnow_shop: Shop
) -> None:
    client: aiohttp.ClientSession = await serve(cdnow_shop)
    async with client.get("/openapi.json") as answer:
        assert answer.status == 200
        found = json.loads(await answer.read())
    assert found["openapi"] == "3.1.0"
    assert set(found["paths"]) == {
        "/v1/customers/{id}", "/v1/cohorts", "/v1/segments", "/v1/status",
    }  # fmt: skip
    for path in found["paths"]:
        async with client.get(path.replace("{id}", "00004")) as answer:
            assert answer.status == 200
    for reference in _references(found):
        place: Any = found
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_the_document_in_schemas_is_this_one() -> None:
    stored = json.loads((ROOT / "schemas" / "openapi.json").read_text(encoding="utf-8"))
    made = document(stored["info"]["version"])
    assert stored == made, "run 'python -m stream_app.serve.openapi > schemas/openapi.json'"


def _references(found: Any) -> list[str]:
    if isinstance(found, dict):
        own = [found["$ref"]] if isinstance(found.get("$ref"), str) else []
        return own + [each for value in found.values() for each in _references(value)]
    if isinstance(found, list):
        return [each for value in found for each in _references(value)]
    return []
