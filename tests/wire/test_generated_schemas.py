"""The generated schemas are up to date, and what the code writes and reads fits them."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.wire.model_schema import model_schema
from stream_app.wire.models import BadModel, decode_model, parameters_to_json
from stream_app.wire.schemas import documents, score_schema
from stream_app.wire.scores import ScoreHash

FOLDER = Path(__file__).parent.parent.parent / "schemas"
MODEL = Draft202012Validator(model_schema())
PARETO: dict[str, Any] = {"kind": "pareto", "a": None, "b": None, "s": 0.606, "beta": 11.669}


@pytest.mark.parametrize("name", documents())
def test_a_generated_schema_is_up_to_date(name: str) -> None:
    """Otherwise: python -m stream_app.wire.schemas, and read the difference."""
    assert (FOLDER / name).read_text(encoding="utf-8") == documents()[name]


@pytest.mark.parametrize("schema", [score_schema(), model_schema()], ids=["score", "model"])
def test_a_generated_schema_is_one(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)


def test_the_score_schema_has_the_fields_that_readers_know() -> None:
    assert list(score_schema()["properties"]) == list(ScoreHash.__struct_fields__)


def test_the_model_schema_has_the_parameters_of_the_code() -> None:
    assert set(model_schema()["properties"]) == {field.name for field in fields(ModelParameters)}


@pytest.mark.parametrize("parameters", [CDNOW, replace(CDNOW, **PARETO)], ids=["mbg", "pareto"])
def test_a_model_that_is_written_fits_the_schema(parameters: ModelParameters) -> None:
    MODEL.validate(json.loads(parameters_to_json(parameters)))


NUMBERS = st.sampled_from((None, -1.0, 0.0, 1e-7, 1e-6, 1.0, 1.0000001, 1e6, 1e7, 1e12, 1e13, "1"))
TEXTS = st.sampled_from(
    (
        "bg",
        "pareto",
        "x",
        "",
        "current",
        "challenger",
        "retired",
        ".a",
        "a.b-c_1",
        "x" * 65,
        None,
        7,
    )
)
CHANGES = st.dictionaries(
    st.sampled_from(("r", "alpha", "a", "b", "s", "beta", "p", "q", "gamma", "net_ratio")),
    NUMBERS,
    max_size=2,
)


@given(
    CHANGES,
    st.dictionaries(st.sampled_from(("id", "kind", "role")), TEXTS, max_size=1),
    st.sampled_from(({}, PARETO)),
)
@settings(max_examples=300, deadline=None)
def test_the_code_takes_a_model_exactly_when_the_schema_does(
    numbers: dict[str, Any], texts: dict[str, Any], kind: dict[str, Any]
) -> None:
    written = json.loads(parameters_to_json(CDNOW)) | kind | numbers | texts
    try:
        decode_model(json.dumps(written).encode(), currency="USD", time_zone="UTC")
        taken = True
    except BadModel:
        taken = False
    assert MODEL.is_valid(written) == taken
