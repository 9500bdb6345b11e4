"""Who is true is graded best: customers made of known parameters, and those of the CDNOW sample."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from stream_app.core.calendar import day_from_text
from stream_app.core.days import Bucket
from stream_app.core.models.fitted import fit, inputs
from stream_app.core.models.histories import Histories
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.prequential import Prequential, prequential
from stream_app.core.models.published import CDNOW
from stream_app.dev.cache import cache_directory
from stream_app.dev.cdnow import cdnow_sample, read_sample
from tests.core import naive_prequential as naive
from tests.core.models.simulated import simulated
from tests.core.models.test_prequential import assert_same
from tests.core.models.test_validation import CUT, END, cdnow

# -- who is true is graded best --------------------------------------------------------------

SURE = replace(CDNOW, id="sure", r=7e5, alpha=1e6, a=1e-6, b=1e6)
"""Says of everybody that they will buy within the month (0.95), up to nine silent months long."""
JOINED = 730
"""Day by which all customers of the shop have come, from which models are graded."""


@cache
def shop() -> Histories:
    """Sixty thousand customers who do what CDNOW's parameters say."""
    return simulated(CDNOW, 60_000, days=JOINED + 366, joining_days=JOINED, seed=3)


def graded_shop(parameters: ModelParameters, today: int) -> Prequential:
    return prequential(shop(), parameters, today=today, currency="USD", from_day=JOINED)


@pytest.mark.parametrize("days", [20, 365])
def test_of_the_true_model_as_much_comes_as_is_expected_early_and_late(days: int) -> None:
    found = graded_shop(CDNOW, JOINED + days)
    assert found.bought == pytest.approx(found.expected, abs=3 * found.expected**0.5)
    assert found.drift is not None
    assert abs(found.drift) < 3
    assert found.spend_bias == pytest.approx(0, abs=0.02)
    for bought, expected in zip(found.bin_bought, found.bin_expected, strict=True):
        assert bought == pytest.approx(expected, abs=3.5 * expected**0.5)


@pytest.mark.parametrize("days", [20, 365])
@pytest.mark.parametrize("factor", [1.5, 1 / 1.5])
@pytest.mark.parametrize("name", ["r", "alpha", "a", "b"])
def test_no_other_parameters_are_graded_as_well_as_the_true_ones(
    name: str, factor: float, days: int
) -> None:
    changed: dict[str, Any] = {name: getattr(CDNOW, name) * factor}
    true = graded_shop(CDNOW, JOINED + days)
    other = graded_shop(replace(CDNOW, **changed), JOINED + days)
    assert true.forecasts == other.forecasts
    assert true.log_loss_sum < other.log_loss_sum
    assert true.brier_sum < other.brier_sum


def test_a_model_that_always_says_buys_loses_though_its_gaps_look_best() -> None:
    true, sure = graded_shop(CDNOW, JOINED + 365), graded_shop(SURE, JOINED + 365)
    assert true.gap is not None
    assert sure.gap is not None
    assert true.gap < 0.5 < 0.8 < sure.gap
    assert sure.log_loss_sum > 5 * true.log_loss_sum
    assert sure.brier_sum > 5 * true.brier_sum
    assert sure.bias is not None
    assert sure.bias < -0.7


# -- the CDNOW sample ------------------------------------------------------------------------


@cache
def fitted_to_cdnow() -> ModelParameters:
    """MBG/NBD and Gamma-Gamma as of the cut of the papers."""
    found = fit(inputs(cdnow().statistics(CUT), CUT, "USD"), ["mbg"])
    numbers: dict[str, Any] = found.buying["mbg"].parameters | found.spend.parameters
    return replace(CDNOW, **numbers)


def by_row() -> list[naive.Shopper]:
    """The sample straight from its rows."""
    bought: dict[str, dict[int, Bucket]] = defaultdict(dict)
    for row in read_sample(cdnow_sample(cache_directory(), print)):
        day, days = day_from_text(row.day.isoformat()), bought[row.master_id]
        before = days.get(day, Bucket(day, 0, 0, 0))
        days[day] = Bucket(day, before.orders + 1, before.gross + row.amount_minor, 0)
    return [naive.Shopper(list(days.values()), False) for days in bought.values()]


def test_a_fit_to_cdnow_is_graded_on_the_nine_months_after_it() -> None:
    model, from_day = fitted_to_cdnow(), CUT + 1
    found = prequential(cdnow(), model, today=END, currency="USD", from_day=from_day)
    assert_same(found, naive.graded(by_row(), model, today=END, minor=100, from_day=from_day))
    assert (found.forecasts, found.bought) == (24_265, 1_877)
    assert found.log_loss == pytest.approx(0.2006, abs=5e-5)
    assert found.brier == pytest.approx(0.0553, abs=5e-5)
    assert found.spend_mae == pytest.approx(19.54, abs=5e-3)
