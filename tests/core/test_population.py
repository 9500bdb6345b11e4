"""Sketches of a population against exact counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer
from stream_app.core.events import Activity, Purchase
from stream_app.core.models.statistics import statistics
from stream_app.core.population import Population, Ranks, standing
from stream_app.core.score import Scores, ScoreSettings, score

TODAY = 20_000


def buyer(*orders: tuple[int, int]) -> Customer:
    """Who bought on these days for these amounts."""
    customer = Customer()
    for number, (day, minor) in enumerate(orders):
        customer.apply(Purchase("c", f"e-{number}", "o", 0, day, "USD", minor, minor))
    return customer


def scored(customers: list[Customer]) -> Scores:
    """By formula, where ltv is revenue and a year of it."""
    return score(
        statistics(customers),
        as_of_seconds=TODAY * 86_400,
        as_of_day=TODAY,
        calendar=Calendar("UTC"),
        parameters=None,
        basis_reason="no model",
        settings=ScoreSettings("USD"),
    )


def ranks_of(*parts: list[Customer]) -> Ranks:
    """Of all parts together, each sketched alone."""
    merged = Population()
    for part in parts:
        population = Population()
        population.add(scored(part))
        merged.merge(Population.from_bytes(population.to_bytes()))
    ranks = merged.ranks()
    assert ranks is not None
    return ranks


def some(size: int, seed: int) -> list[Customer]:
    chance = np.random.default_rng(seed)
    return [
        buyer(
            *zip(
                (TODAY - chance.integers(0, 700, orders)).tolist(),
                chance.lognormal(8, 1, orders).astype(int).tolist(),
                strict=True,
            )
        )
        for orders in chance.geometric(0.4, size)
    ]


def test_value_rank_is_the_share_of_customers_with_a_lower_ltv_within_a_hundredth() -> None:
    customers = some(12_000, seed=1)
    ranks = ranks_of(customers[:5000], customers[5000:5001], customers[5001:])
    scores = scored(customers)
    ltv = scores.ltv_minor.astype(np.float64)
    exact = np.searchsorted(np.sort(ltv), ltv, side="left") / len(ltv)
    _, shown = standing(scores, ranks)
    assert np.abs(shown - exact).max() < 0.01
    assert shown.min() >= 0
    assert shown.max() <= 1


def test_customers_of_equal_ltv_rank_alike_below_those_worth_more() -> None:
    same, best = [buyer((TODAY - 5, 500))] * 9, [buyer((TODAY - 5, 900))]
    _, shown = standing(scored(same + best), ranks_of(same, best))
    assert shown[:9].tolist() == [0.0] * 9
    assert shown[9] == pytest.approx(0.9, abs=0.01)


def test_rfm_digits_are_fifths_of_the_population_the_best_being_five() -> None:
    people = [buyer(*[(TODAY - 1000 + 10 * n, 100 * n)] * n) for n in range(1, 101)]
    rfm, _ = standing(scored(people), ranks_of(people))
    # Each n bought n times on one day: frequency is the same for all, last day and spend grow.
    assert rfm.tolist() == [111 + 101 * ((n - 1) // 20) for n in range(1, 101)]


def test_frequency_counts_purchase_days_with_the_first_one() -> None:
    once = [buyer((TODAY - 3, 100)) for _ in range(8)]
    often = [buyer((TODAY - 3, 100), (TODAY - 9, 100), (TODAY - 30, 100)) for _ in range(2)]
    rfm, _ = standing(scored(once + often), ranks_of(once + often))
    assert {int(one) // 10 % 10 for one in rfm[:8]} == {1}
    assert {int(one) // 10 % 10 for one in rfm[8:]} == {5}


def test_who_never_bought_has_no_place_and_takes_none() -> None:
    visitor = Customer()
    visitor.apply(Activity("c", "e", 0, TODAY, "login"))
    empty = Population()
    empty.add(scored([visitor]))
    assert empty.ranks() is None
    people = some(200, seed=2)
    population = Population()
    population.add(scored([visitor, *people]))
    assert population.customers == 200


def test_one_customer_alone_ranks_lowest() -> None:
    only = [buyer((TODAY, 100))]
    rfm, shown = standing(scored(only), ranks_of(only))
    assert (rfm.tolist(), shown.tolist()) == ([111], [0.0])


def test_money_beyond_64_bits_has_a_rank() -> None:
    rich, poor = buyer((TODAY, 10**24)), buyer((TODAY, 1))
    _, shown = standing(scored([rich, poor]), ranks_of([rich, poor]))
    assert shown.tolist() == pytest.approx([0.5, 0.0], abs=0.001)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=80), st.integers(1, 79))
def test_sketches_of_parts_rank_as_the_sketch_of_the_whole(worth: list[int], cut: int) -> None:
    people = [buyer((TODAY - 1, minor)) for minor in worth]
    parts = [part for part in (people[:cut], people[cut:]) if part]
    scores = scored(people)
    assert np.array_equal(
        standing(scores, ranks_of(*parts))[1], standing(scores, ranks_of(people))[1]
    )


def test_tables_are_other_ones_when_a_rank_has_moved_by_more_than_is_tolerated() -> None:
    before = ranks_of([buyer((TODAY, minor)) for minor in range(1000, 2000)])
    barely = ranks_of([buyer((TODAY, minor)) for minor in range(1000, 2003)])
    clearly = ranks_of([buyer((TODAY, minor)) for minor in range(1000, 2100)])
    assert not before.moved(before)
    assert not before.moved(barely)
    assert before.moved(clearly)


def test_the_noise_of_sketches_moves_no_rank() -> None:
    people = some(30_000, seed=3)
    tables = [ranks_of(people[shift:] + people[:shift]) for shift in range(0, 30_000, 5000)]
    assert not any(tables[0].moved(other) for other in tables[1:])


@pytest.mark.parametrize("bad", [{}, {"ltv": b""}, dict.fromkeys(
    ("ltv", "last_day", "purchase_days", "spend"), b"nonsense")])  # fmt: skip
def test_bytes_that_are_no_sketches_are_refused(bad: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="no sketches"):
        Population.from_bytes(bad)
