"""An explanation can be checked with a calculator: its arithmetic gives the published value."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import hyp2f1

from stream_app.core.calendar import DAY_SECONDS
from stream_app.core.customer import Customer
from stream_app.core.explanation import Explained, explain
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.core.models.statistics import statistics
from stream_app.core.score import ScoreSettings
from tests.core.scoring import BG, DAY, PARETO, UTC, customer

CALCULATOR: dict[str, Any] = {
    "__builtins__": {}, "max": max, "ceil": math.ceil, "hyp2f1": hyp2f1,
}  # fmt: skip
ARITHMETIC = re.compile(r"(?:[-+*/(),. \d]|e[-+]\d|max|ceil|hyp2f1)+")
ROUNDED = {
    "aov": 0.51, "ltv_formula": 0.51, "ltv_365": 0.51, "next_order_at": 1.01, "monetary": 0.0051,
}  # fmt: skip
MODELS = pytest.mark.parametrize(
    "parameters", [CDNOW, BG, PARETO, None], ids=["mbg", "bg", "pareto", "formula"]
)


def explained(
    customer: Customer, parameters: ModelParameters | None, days: int
) -> dict[str, Explained]:
    lines = explain(
        statistics([customer]),
        as_of_seconds=(DAY + days) * DAY_SECONDS,
        as_of_day=DAY + days,
        calendar=UTC,
        parameters=parameters,
        basis_reason=None if parameters else "no model",
        settings=ScoreSettings("USD"),
    )
    return {line.field: line for line in lines}


@MODELS
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 10**6)), min_size=1, max_size=6),
    st.integers(300, 700),
)
def test_every_rule_that_is_arithmetic_gives_the_value(
    parameters: ModelParameters | None, history: list[tuple[int, int]], days: int
) -> None:
    for line in explained(customer(*history), parameters, days).values():
        if line.value is None or not ARITHMETIC.fullmatch(line.filled):
            continue
        found = eval(line.filled, CALCULATOR)  # noqa: S307 -- nothing but the characters above
        # Inputs are shown to 8 digits; money is rounded.
        rounding = ROUNDED.get(line.field, 1e-7)
        assert found == pytest.approx(line.value, rel=2e-6, abs=rounding)


def test_the_lines_of_a_buyer_by_the_default_model() -> None:
    lines = explained(customer((0, 1000), (70, 2000)), CDNOW, 100)
    assert list(lines) == [
        "revenue", "frequency", "recency", "T", "aov", "ltv_formula", "monetary", "x", "t_x",
        "T_weeks", "p_alive", "churn_30", "churn_90", "C", "z", "orders_365", "spend", "ltv_365",
        "ltv", "tier", "at_risk_weeks", "at_risk_at", "lost_weeks", "lost_at", "next_order_at",
    ]  # fmt: skip
    assert lines["spend"].filled == "6.25 * (15.44 + 2000 / 100) / (6.25 * 1 + 3.74 - 1)"
    assert lines["spend"].inputs == {
        "p": 6.25, "gamma": 15.44, "repeat_gross": 2000, "minor_units": 100, "x": 1, "q": 3.74,
    }  # fmt: skip


@MODELS
def test_who_never_bought_has_two_lines(parameters: ModelParameters | None) -> None:
    lines = explained(Customer(), parameters, 0)
    assert {name: line.value for name, line in lines.items()} == {"revenue": 0, "tier": "prospect"}


def test_what_is_absent_says_why() -> None:
    lines = explained(customer((0, 1000)), CDNOW, 700)
    assert lines["lost_at"].value is None
    assert lines["lost_at"].rule == "fallen already, or never in silence"
    assert lines["next_order_at"].rule.startswith("not expected")
