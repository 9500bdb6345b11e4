"""The published test vectors: the reader passes them, and so does whoever follows the page."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.reader import Score
from stream_app.reader.evaluation import TIMED
from stream_app.wire.models import redis_fields
from stream_app.wire.schemas import score_schema
from stream_app.wire.scores import parse_fields
from stream_app.wire.scoring import scoring_fields
from tests.core.scoring import BG, DAY, PARETO, customer
from tests.reader.cases import cases, document_head
from tests.reader.page import computed
from tests.reader.shelf import KEYS, Shelf
from tests.reader.vectors import made, vectors

CASES: list[dict[str, Any]] = vectors()["cases"]
EACH = pytest.mark.parametrize("case", CASES, ids=[case["note"] for case in CASES])
SCHEMA = Draft202012Validator(score_schema())
NINE_DIGITS = 1e-9
ROUNDED = ("ltv_365", "ltv", "next_order_at")


def encoded(texts: dict[str, str]) -> dict[bytes, bytes]:
    """As Redis answers them."""
    return {name.encode(): text.encode() for name, text in texts.items()}


def model_of(case: dict[str, Any]) -> dict[str, str] | None:
    """The hash of the model that the customer's names."""
    found: dict[str, str] | None = vectors()["models"].get(case["hash"].get("model"))
    return found


def read(case: dict[str, Any]) -> Score:
    """By the reader."""
    shelf = Shelf()
    shelf.hashes[KEYS.customer(b"c")] = encoded(case["hash"])
    shelf.hashes[KEYS.scoring] = encoded(vectors()["scorings"][case["scoring"]])
    model = model_of(case)
    if model is not None:
        shelf.hashes[KEYS.model(model["id"])] = encoded(model)
    return shelf.one("c", now=case["now"])


def assert_equal(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Floats to nine digits, everything else exactly; the same fields."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, float):
            assert found[name] == pytest.approx(value, rel=NINE_DIGITS, abs=0), name
        else:
            assert found[name] == value, name


@EACH
def test_the_reader_gives_the_fields_of_the_vectors(case: dict[str, Any]) -> None:
    score = read(case)
    assert score.not_evaluated is None
    timed = {name: value for name in TIMED if (value := getattr(score, name)) is not None}
    assert_equal(timed, parse_fields(encoded(case["expected"])))
    for name, value in parse_fields(encoded(case["hash"])).items():
        if name not in TIMED:
            assert getattr(score, name) == value


@EACH
def test_the_page_gives_the_fields_of_the_vectors(case: dict[str, Any]) -> None:
    rules = vectors()["scorings"][case["scoring"]]
    found = computed(case["hash"], model_of(case), rules, case["now"])
    assert_equal(parse_fields(encoded(found)), parse_fields(encoded(case["expected"])))


@pytest.mark.parametrize("model", [CDNOW, BG, PARETO, None], ids=["mbg", "bg", "pareto", "formula"])
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 10**7)), min_size=1, max_size=6),
    st.integers(-50, 1500),
)
@settings(max_examples=15)
def test_the_page_reads_any_usual_customer_as_the_reader_does(
    model: ModelParameters | None, history: list[tuple[int, int]], days: int
) -> None:
    shelf = Shelf()
    row = shelf.row(customer(*history), DAY * 86_400, model)
    shelf.publish("c", customer(*history), DAY * 86_400, model)
    now = (DAY + days) * 86_400 + 12_345
    score = shelf.one("c", now=now)
    parameters, rules = redis_fields(model) if model else [], scoring_fields(shelf.settings, "UTC")
    stored, known, given_rules = (
        dict(zip(each[::2], each[1::2], strict=True)) for each in (row, parameters, rules)
    )
    found = parse_fields(encoded(computed(stored, known or None, given_rules, now)))
    expected = {name: value for name in TIMED if (value := getattr(score, name)) is not None}
    for name in ROUNDED:  # where the exact value is all but a half, it is a matter of luck
        assert found.pop(name, 0) == pytest.approx(expected.pop(name, 0), abs=1)
    assert_equal(found, expected)


@EACH
def test_the_hashes_of_the_vectors_are_hashes_of_the_worker(case: dict[str, Any]) -> None:
    SCHEMA.validate(case["hash"])
    SCHEMA.validate(case["hash"] | case["expected"])


def test_the_vectors_are_those_of_the_exact_arithmetic() -> None:
    """Otherwise: python -m tests.reader.vectors, and read the difference."""
    head = {name: value for name, value in vectors().items() if name != "cases"}
    assert head == document_head()
    assert len(CASES) >= 40
    for case, written in zip(cases(), CASES, strict=True):
        assert (case.note, case.scoring, case.seconds[1]) == (
            written["note"],
            written["scoring"],
            written["now"],
        )
        assert case.facts().items() <= written["hash"].items()
        if not (case.model or "").startswith("pareto"):  # those take a minute
            assert made(case) == written
