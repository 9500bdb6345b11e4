"""Laws of scores: they fall through silence, at the very instants that were announced."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.calendar import DAY_SECONDS, Calendar
from stream_app.core.models.day_starts import ABSENT
from stream_app.core.models.parameters import KINDS, OF_KIND, Kind, ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.core.segments import AT_RISK, LOST, NEW
from tests.core.scoring import BG, DAY, PARETO, customer, scored

MODELS = pytest.mark.parametrize(
    "parameters", [CDNOW, BG, PARETO, None], ids=["mbg", "bg", "pareto", "formula"]
)
histories = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 10**7)), min_size=1, max_size=8)
ZONES = {name: Calendar(name) for name in ("UTC", "Africa/Cairo", "America/Sao_Paulo")}


@MODELS
@given(histories, st.integers(-50, 3000), st.integers(1, 400))
def test_nothing_rises_through_silence(
    parameters: ModelParameters | None,
    history: list[tuple[int, int]],
    days: int,
    silence: int,
) -> None:
    bought = customer(*history)
    before, after = (
        scored(bought, days=each, parameters=parameters) for each in (days, days + silence)
    )
    if parameters is not None:
        assert after.p_alive <= before.p_alive
        assert after.orders_365 <= before.orders_365
        assert after.churn_30 >= before.churn_30
    assert after.ltv_365_minor <= before.ltv_365_minor
    assert after.ltv_minor <= before.ltv_minor
    if before.tier != NEW:
        assert after.tier >= before.tier


own = st.floats(0.05, 50)
spending = st.tuples(st.floats(0.1, 1e4), st.floats(1.01, 1e4), st.floats(0.01, 1e6))


@pytest.mark.parametrize("kind", KINDS)
@given(
    st.tuples(own, own, own, own),
    spending,
    st.floats(0, 1),
    histories,
    st.lists(st.integers(0, 2000), min_size=2, max_size=8, unique=True),
)
def test_under_any_one_parameter_set_no_published_number_rises_through_silence(
    kind: Kind,
    buying: tuple[float, float, float, float],
    spent: tuple[float, float, float],
    net_ratio: float,
    history: list[tuple[int, int]],
    silences: list[int],
) -> None:
    """To within rounding: a billionth of what it was."""
    names = (*OF_KIND[kind], "p", "q", "gamma")
    numbers: dict[str, Any] = dict(zip(names, (*buying, *spent), strict=True))
    parameters = ModelParameters("any", kind, "USD", "UTC", net_ratio=net_ratio, **numbers)
    assert parameters.problem() is None
    bought = customer(*history)
    days = [max(day for day, _ in history) + silence for silence in sorted(silences)]
    for before, after in pairwise(scored(bought, days=day, parameters=parameters) for day in days):
        assert after.p_alive <= before.p_alive
        assert after.orders_365 <= before.orders_365 * (1 + 1e-9)
        for name in ("churn_30", "churn_90"):
            assert getattr(after, name) >= getattr(before, name) - 1e-9
        rounding = 1e-9 * before.ltv_365_minor
        for name in ("ltv_365_minor", "ltv_minor"):
            assert getattr(after, name) <= getattr(before, name) + rounding
        assert after.tier >= before.tier or before.tier == NEW


@MODELS
@given(histories, st.integers(-50, 1000), st.integers(0, 86_399), st.sampled_from(sorted(ZONES)))
def test_the_tier_falls_at_the_instant_announced_and_not_a_day_earlier(
    parameters: ModelParameters | None,
    history: list[tuple[int, int]],
    days: int,
    seconds: int,
    zone: str,
) -> None:
    bought, calendar = customer(*history), ZONES[zone]

    def tier_at(instant: int) -> int:
        days, seconds = divmod(instant - DAY * DAY_SECONDS, DAY_SECONDS)
        then = scored(bought, days=days, seconds=seconds, parameters=parameters, calendar=calendar)
        return int(then.tier.item())

    now = scored(bought, days=days, seconds=seconds, parameters=parameters, calendar=calendar)
    for column, fallen in ((now.at_risk_at, AT_RISK), (now.lost_at, LOST)):
        instant = column.item()
        if instant != ABSENT:
            assert instant > now.as_of
            assert tier_at(instant) >= fallen
            assert tier_at(instant - 1) < fallen
    changes = now.next_fall_at.item()
    if changes != ABSENT:
        assert tier_at(changes) != now.tier.item() or now.tier.item() == NEW
        assert tier_at(changes - 1) == now.tier.item()


@MODELS
def test_a_customer_s_scores_do_not_depend_on_who_is_scored_with_him(
    parameters: ModelParameters | None,
) -> None:
    chance = random.Random(5)
    crowd = [
        customer(*((chance.randrange(400), chance.randrange(10**6)) for _ in range(size % 7 + 1)))
        for size in range(200)
    ]
    together = scored(*crowd, days=500, parameters=parameters)
    for place, one in enumerate(crowd):
        alone = scored(one, days=500, parameters=parameters)
        few = scored(*crowd[place : place + 3], days=500, parameters=parameters)
        for name in (
            "p_alive", "churn_30", "churn_90", "orders_365", "ltv_365_minor", "ltv_minor",
            "ltv_formula_minor", "aov_minor", "tier", "at_risk_at", "lost_at", "next_order_at",
        ):  # fmt: skip
            expected = getattr(together, name)[place]
            np.testing.assert_array_equal(getattr(alone, name)[0], expected)
            np.testing.assert_array_equal(getattr(few, name)[0], expected)
