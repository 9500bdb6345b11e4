"""Fits: the published ones on the CDNOW sample, what they must not depend on, and what can't be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.models.counts import Population
from stream_app.core.models.fitting import fit_buying, log_likelihood
from stream_app.core.models.fitting_spend import HELD, correlation, fit_spend
from stream_app.core.models.gamma_gamma import GammaGamma
from stream_app.core.models.parameters import KINDS, OF_KIND, Kind
from tests.core.models.cdnow import split
from tests.core.models.population import drawn


def _days() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sample = split()
    return sample.x, np.rint(sample.t_x * 7), np.rint(sample.T * 7)


@pytest.mark.parametrize(
    ("kind", "published", "total"),
    [
        ("bg", (0.242595, 4.413602, 0.792922, 2.425907), -9582.4292),
        ("mbg", (0.524843, 6.183085, 0.891359, 1.614002), -9582.1357),
        ("pareto", (0.553277, 10.577684, 0.606240, 11.668742), -9594.9762),
    ],
)
def test_the_fit_of_the_sample_is_the_published_one(
    kind: Kind, published: tuple[float, ...], total: float
) -> None:
    found = fit_buying(kind, Population(*_days()))
    assert found.problem is None
    assert found.slope < 1e-6
    close = pytest.approx(published, rel=1e-4) if kind == "pareto" else pytest.approx(
        published, abs=5e-5
    )  # fmt: skip
    assert tuple(found.parameters.values()) == close
    assert found.log_likelihood == pytest.approx(total, abs=1e-3)


def test_the_spend_fit_of_the_sample_is_the_published_one() -> None:
    found = fit_spend(split().x, split().monetary)
    published = {"p": 6.2496, "q": 3.7442, "gamma": 15.4435}
    assert found.parameters == pytest.approx(published, abs=1e-3)
    assert found.log_likelihood == pytest.approx(-4055.9177, abs=1e-3)
    assert found.buyers == 946


def test_frequency_and_spend_of_the_sample_hardly_correlate() -> None:
    found = correlation(split().x, split().monetary)
    assert found.pearson == pytest.approx(0.1139, abs=5e-5)
    assert found.warning is None
    assert correlation([1, 2, 3, 4], [1.0, 2.0, 3.0, 4.0]).warning is not None


@pytest.mark.parametrize("kind", KINDS)
def test_days_and_weeks_are_one_fit_in_two_units(kind: Kind) -> None:
    in_weeks = fit_buying(kind, Population(*_days()))
    in_days = fit_buying(kind, Population(*_days(), unit_days=1))
    scaled = {
        name: value * (7 if name in ("alpha", "beta") else 1)
        for name, value in in_weeks.parameters.items()
    }
    assert in_days.parameters == pytest.approx(scaled, rel=1e-6)
    shift = 2457 * np.log(7)
    assert in_days.log_likelihood == pytest.approx(in_weeks.log_likelihood - shift, abs=1e-3)
    if kind == "bg":
        assert in_days.parameters["alpha"] == pytest.approx(30.8952, abs=5e-4)
        assert in_days.log_likelihood == pytest.approx(-14363.5304, abs=1e-3)


def test_customers_in_another_order_are_the_same_fit() -> None:
    order = np.random.default_rng(5).permutation(2357)
    shuffled = [column[order] for column in _days()]
    assert fit_buying("mbg", Population(*shuffled)) == fit_buying("mbg", Population(*_days()))
    sample = split()
    assert fit_spend(sample.x[order], sample.monetary[order]) == fit_spend(
        sample.x, sample.monetary
    )


def test_in_cents_spend_is_the_same_fit_in_another_unit() -> None:
    dollars, cents = (fit_spend(split().x, split().monetary * unit) for unit in (1, 100))
    scaled = dollars.parameters | {"gamma": dollars.parameters["gamma"] * 100}
    assert cents.parameters == pytest.approx(scaled, rel=1e-6)


def test_two_of_each_customer_are_the_same_fit_with_twice_the_likelihood() -> None:
    once = fit_buying("mbg", Population(*_days()))
    twice = fit_buying("mbg", Population(*(np.tile(column, 2) for column in _days())))
    assert twice.parameters == pytest.approx(once.parameters, rel=1e-7)
    assert twice.log_likelihood == pytest.approx(2 * once.log_likelihood, rel=1e-12)


def test_counted_by_weeks_the_likelihood_hardly_moves() -> None:
    x, t_x, T, _ = drawn(60_000, seed=3)
    population = Population(x, t_x, T)
    weekly = population.of_size(15_000)
    assert len(weekly) < 15_000 < len(population.exact)
    assert weekly.total == population.exact.total == 60_000
    found = fit_buying("mbg", population)
    assert found.model is not None
    by_weeks = log_likelihood(found.model, weekly)
    assert by_weeks == pytest.approx(found.log_likelihood, rel=1e-3)


def test_a_fit_finds_the_parameters_a_population_was_drawn_with() -> None:
    x, t_x, T, m = drawn(60_000, seed=4)
    found = fit_buying("mbg", Population(x, t_x, T)).parameters
    # Purchases of one day are one, which moves r and alpha up a little.
    assert found == pytest.approx({"r": 0.525, "alpha": 6.18, "a": 0.89, "b": 1.61}, rel=0.15)
    spent = fit_spend(x, m)
    assert spent.parameters == pytest.approx({"p": 6.25, "q": 3.74, "gamma": 15.44}, rel=0.1)
    assert spent.model is not None
    assert spent.model.population_mean() == pytest.approx(6.25 * 15.44 / 2.74, rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "nobody has bought"),
        ([(0, 0, 30)], "second day"),
        ([(0, 0, 30), (0, 0, 300)], "second day"),
        ([(1, 0, 0)], "last day"),
        ([(1, 7, 30)], None),
        ([(3, 21, 21)], None),
        ([(10_000, 20_000, 20_000), (0, 0, 20_000)], None),
        ([(1, 30, 60)] * 200, None),
        ([(5, 350, 364)] * 100 + [(0, 0, 364)] * 100, None),
    ],
    ids=["none", "one", "no repeat", "no age", "single", "T = t_x", "10,000", "alike", "two kinds"],
)
def test_what_can_not_be_fitted_has_a_reason(
    kind: Kind, rows: list[tuple[int, int, int]], why: str | None
) -> None:
    """Or, where it can be after all, numbers that are numbers; never a warning (an error here)."""
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    found = fit_buying(kind, Population(*columns))
    if found.model is None:
        assert found.problem is not None
        assert why is None or why in found.problem
    else:
        assert why is None
        assert set(found.parameters) == set(OF_KIND[kind])
        assert np.isfinite([found.log_likelihood, *found.parameters.values()]).all()


@pytest.mark.parametrize(
    ("x", "m", "why"),
    [
        ([], [], "fewer than two"),
        ([1], [20.0], "fewer than two"),
        ([0, 0], [0.0, 0.0], "fewer than two"),
        ([2] * 100, np.random.default_rng(1).pareto(0.5, 100) + 1, "gamma would shrink without"),
    ],
)
def test_spend_that_can_not_be_fitted_has_a_reason(x: list[int], m: list[float], why: str) -> None:
    found = fit_spend(x, m)
    assert found.model is None
    assert found.problem is not None
    assert why in found.problem


@pytest.mark.parametrize("price", [0.01, 9.99, 1234.56, 1e9])
@pytest.mark.parametrize("x", [[1, 2] * 50, [1] * 100, [10_000, 1]])
def test_with_one_price_everybody_is_expected_to_spend_it_to_the_cent(
    x: list[int], price: float
) -> None:
    found = fit_spend(x, [price] * len(x))
    assert found.problem is None
    assert found.note == "p and q are held at 10,000: everybody spends nearly the same"
    assert found.model is not None
    spend = found.model.expected_spend([0, *x], [0.0] + [price] * len(x))
    assert np.round(spend, 2).tolist() == [price] * len(spend)
    # What one repeat day at twice the price is worth: as much as all that was known before.
    assert found.model.expected_spend(1, 2 * price) == pytest.approx(1.5 * price)


def test_prices_within_a_hair_are_as_one() -> None:
    found = fit_spend([5] * 100, np.linspace(1, 1.001, 100))
    assert found.model is not None
    assert found.model.population_mean() == pytest.approx(1.0005)


@pytest.mark.parametrize("repeats", [1, 7])
def test_customers_who_each_keep_to_a_price_of_their_own_are_expected_to(repeats: int) -> None:
    chance = np.random.default_rng(2)
    x, m = chance.integers(1, repeats + 1, 300), chance.choice([9.99, 19.99, 49.99], 300)
    found = fit_spend(x, m)
    assert found.note is not None
    assert found.note.startswith("p is held")
    assert found.model is not None
    np.testing.assert_allclose(found.model.expected_spend(x, m), m, rtol=1e-3)
    assert 9.99 < found.model.population_mean() < 49.99


def test_customers_who_do_not_differ_are_all_expected_to_spend_the_mean() -> None:
    chance = np.random.default_rng(3)
    x = chance.integers(1, 8, 300)
    m = np.array([chance.uniform(5, 15, days).mean() for days in x])
    found = fit_spend(x, m)
    assert found.note is not None
    assert found.note.startswith("q is held")
    assert found.model is not None
    np.testing.assert_allclose(found.model.expected_spend(x, m), 10, rtol=0.02)


def test_what_is_held_is_likelier_than_a_little_less_of_it() -> None:
    chance = np.random.default_rng(2)
    x, m = chance.integers(1, 8, 300), chance.choice([9.99, 19.99, 49.99], 300)
    found = fit_spend(x, m)
    assert found.model is not None
    p, q, gamma = found.parameters.values()
    for other in (GammaGamma(0.9 * p, q, gamma / 0.9), GammaGamma(p, 1.1 * q, gamma)):
        assert other.log_likelihood(x, m).sum() < found.log_likelihood


paid = st.tuples(st.integers(1, 10_000), st.integers(1, 10**9).map(lambda cents: cents / 100))


@settings(max_examples=15)
@given(st.lists(paid, max_size=12), st.sampled_from([0.0, 0.01, 1.0]))
def test_whatever_was_paid_spend_is_fitted_or_has_a_reason(
    rows: list[tuple[int, float]], spread: float
) -> None:
    """Never a warning, which is an error here; nor a parameter past what is held."""
    columns = np.array(rows, np.float64).reshape(-1, 2).T
    x, m = columns[0], np.maximum(columns[1] ** spread, 0.01)
    found = fit_spend(x, m)
    if found.model is None:
        assert found.problem is not None
        return
    assert 0 < found.model.p <= HELD[0]
    assert 1 < found.model.q <= HELD[1]
    spend = found.model.expected_spend([0, *x], [0.0, *m])
    assert np.isfinite([found.log_likelihood, *spend]).all()
    assert (spend > 0).all()
