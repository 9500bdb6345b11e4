"""Populations that no textbook has: what a fit makes of each is defined, and is a number or words.

Warnings are errors in tests, so that each of these also says: silently.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from math import isfinite

import numpy as np
import orjson
import pytest

from stream_app.core.calendar import DAY_US, Calendar, date_text
from stream_app.core.customer import Customer
from stream_app.core.events import Purchase
from stream_app.core.models import ascent
from stream_app.core.models.histories import histories
from stream_app.core.models.parameters import KINDS, ModelParameters
from stream_app.core.models.statistics import statistics
from stream_app.core.score import Scores, ScoreSettings, score
from stream_app.jobs.fit import Fit, fit_population
from stream_app.jobs.fit_report import as_object, text_lines
from stream_app.jobs.population_reader import Known
from stream_app.jobs.validate import as_object as validation_object
from stream_app.jobs.validate import lines, split_and_grade
from stream_app.settings import load
from stream_app.wire.models import decode_model, parameters_to_json
from tests.core.models.population import drawn
from tests.core.scoring import DAY, customer

AS_OF = 500
"""Days after DAY: as of when these shops are looked at."""
NOTHING_ASKED = load(
    {
        "LTV_FIT_BUYERS": "0",
        "LTV_FIT_REPEAT_BUYERS": "0",
        "LTV_FIT_HISTORY_DAYS": "0",
        "LTV_FIT_SILENCE_DAYS": "36600",
        "LTV_AS_OF": date_text(DAY + AS_OF),
    }
)

Cents = Callable[[random.Random], int]


def shop(cents: Cents, *, buyers: int = 300, refunded: int = 0) -> list[Customer]:
    """Customers who buy as the models have it."""
    chance = random.Random(11)
    found = []
    x, t_x, T, _ = drawn(buyers, seed=11, days=AS_OF)
    for repeats, recency, age in zip(x.tolist(), t_x.tolist(), T.tolist(), strict=True):
        between = chance.sample(range(1, recency), repeats - 1) if repeats else []
        days = [0, *between, recency] if repeats else [0]
        bought = ((AS_OF - age + day, cents(chance)) for day in days)
        found.append(customer(*bought, refunded=refunded))
    return found


def usual(chance: random.Random) -> int:
    """A price as most shops have them."""
    return round(chance.lognormvariate(8, 0.5))


def fitted(customers: Sequence[Customer]) -> Fit:
    """The fit of these customers, however few; and whatever it is, it can be told."""
    known = Known(histories(customers), (DAY + AS_OF) * 86_400_000_000, {"purchases": {"0": 1}})
    found = fit_population(NOTHING_ASKED, known, None, now=1.8e9)
    answer = as_object(found, NOTHING_ASKED, published=False, read_seconds=0.0)
    told = orjson.dumps(answer)
    assert b"NaN" not in told + "\n".join(text_lines(answer, NOTHING_ASKED)).encode()
    assert (found.parameters is None) is (found.reason is not None)
    if found.parameters is not None:
        written = parameters_to_json(found.parameters)
        assert decode_model(written, currency="USD", time_zone="UTC") == found.parameters
    return found


@cache
def usual_fit() -> Fit:
    """To compare others with."""
    return fitted(shop(usual))


def validated(customers: Sequence[Customer], cut: int) -> str:
    """The validation of these customers, told."""
    known = Known(histories(customers), (DAY + AS_OF) * 86_400_000_000, {})
    cut_day, end_day = DAY + cut, DAY + AS_OF
    found, reason = split_and_grade(NOTHING_ASKED, known, cut_day, end_day)
    answer = validation_object(NOTHING_ASKED, cut_day, end_day, found, reason)
    told = orjson.dumps(answer).decode() + "\n".join(lines(answer, "USD"))
    assert "nan" not in told.lower()
    return told


def scored(customers: Sequence[Customer], parameters: ModelParameters | None) -> Scores:
    """Their scores by the model that was fitted to them: numbers, all of them."""
    assert parameters is not None
    found = score(
        statistics(customers),
        as_of_seconds=(DAY + AS_OF) * 86_400,
        as_of_day=DAY + AS_OF,
        calendar=Calendar("UTC"),
        parameters=parameters,
        basis_reason=None,
        settings=ScoreSettings("USD"),
    )
    for column in (found.p_alive, found.churn_30, found.churn_90, found.orders_365):
        assert np.isfinite(column[found.bought]).all()
    return found


@pytest.mark.parametrize(
    ("customers", "why"),
    [
        ([], "nobody has bought by 2026-02-16"),
        ([Customer()], "nobody has bought by 2026-02-16"),
        ([customer((AS_OF + 1, 1000))], "nobody has bought by 2026-02-16"),
        ([customer((0, 1000))], "mbg: nobody has bought on a second day"),
        ([customer((0, 1000), (0, 2000))] * 50, "mbg: nobody has bought on a second day"),
        ([customer((day, 1000)) for day in range(200)], "mbg: nobody has bought on a second day"),
        ([customer((AS_OF, 1000))] * 200, "mbg: nobody has bought on a second day"),
        (shop(lambda chance: 0), "Gamma-Gamma: fewer than two customers have paid"),
    ],
    ids=[
        "no customers", "never bought", "first purchase after as_of", "one customer",
        "all on one day", "no repeat buyer", "all today", "all spend zero",
    ],
)  # fmt: skip
def test_where_nothing_can_be_learnt_there_is_no_model_and_the_reason_is_said(
    customers: list[Customer], why: str
) -> None:
    found = fitted(customers)
    assert found.parameters is None
    assert found.reason is not None
    assert why in found.reason
    validated(customers, AS_OF // 2)


def test_one_customer_who_came_back_is_a_defined_fit() -> None:
    """One history has no spread: every likelihood runs off, and nothing is made up."""
    found = fitted([customer((0, 1000), (100, 1000), (200, 3000))])
    assert found.parameters is None
    assert found.reason is not None
    assert found.reason.startswith("mbg: the likelihood has no maximum")


def test_where_everything_costs_the_same_everybody_is_expected_to_spend_that() -> None:
    customers = shop(lambda chance: 999)
    found = fitted(customers)
    assert found.reason is None
    assert found.parameters is not None
    assert "p and q are held at 10,000" in found.parameters.lineage["spend"]
    scores = scored([*customers, customer((AS_OF, 999))], found.parameters)
    expected = np.rint(scores.orders_365 * 999)
    assert np.abs(scores.ltv_365_minor - expected).max() <= 1
    validated(customers, AS_OF // 2)


def test_one_order_of_another_price_does_not_take_the_model_away() -> None:
    customers = [*shop(lambda chance: 999), customer((0, 999), (50, 1299), (90, 1299))]
    found = fitted(customers)
    assert found.reason is None
    scored(customers, found.parameters)


def test_a_population_that_was_paid_back_more_than_it_paid_is_worth_nothing() -> None:
    customers = shop(usual, refunded=10**7)
    found = fitted(customers)
    assert found.parameters is not None
    assert found.parameters.net_ratio == 0.0
    scores = scored(customers, found.parameters)
    assert scores.ltv_365_minor.tolist() == [0] * len(customers)
    assert scores.ltv_minor.max() < 0
    validated(customers, AS_OF // 2)


def _in_one_day(orders: int) -> Iterable[tuple[int, int]]:
    return ((day % 2, 1000) for day in range(orders))


def test_a_customer_of_10_000_orders_moves_the_fit_but_does_not_break_it() -> None:
    merchant = customer(*_in_one_day(10_000))
    daily = customer(*((day - 9_600, 1000) for day in range(10_000)))
    customers = [*shop(usual), merchant, daily]
    found = fitted(customers)
    assert found.fitted is not None
    assert [found.fitted.buying[kind].problem for kind in KINDS] == [None] * len(KINDS)
    scores = scored(customers, found.parameters)
    assert scores.frequency[-2:].tolist() == [1, 9_999]
    assert scores.orders_365[-1] < 366


def test_who_first_buys_after_as_of_is_left_out_of_the_fit() -> None:
    later = [customer((AS_OF + 1 + day, 5000), (AS_OF + 60, 5000)) for day in range(50)]
    found = fitted([*shop(usual), *later])
    assert (found.customers, found.buyers) == (350, 300)
    assert found.fitted == usual_fit().fitted


def test_what_a_customer_does_after_as_of_does_not_count() -> None:
    customers = shop(usual)
    for number, one in enumerate(customers):
        day = DAY + AS_OF + 1 + number % 30
        one.apply(Purchase("c", "later", "later", day * DAY_US, day, "USD", 5000, 5000))
    assert fitted(customers).fitted == usual_fit().fitted


def test_a_search_that_does_not_arrive_is_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    # No population that people make has been seen to end so: no slope is level enough from here on.
    monkeypatch.setattr(ascent, "STEEPEST", 0.0)
    found = fitted(shop(usual, buyers=100))
    assert found.parameters is None
    assert found.reason is not None
    assert found.reason.startswith("mbg: the likelihood's slope is still ")
    assert found.fitted is not None
    assert not any(isfinite(each.log_likelihood) for each in found.fitted.buying.values())
