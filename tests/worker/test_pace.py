"""The limit of passes, by injected time: nothing runs ahead of the rate, and nothing behind it."""

from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from stream_app.worker.publishing.pace import (
    FEWEST,
    MOST,
    PIECE_SECONDS,
    SAVED_SECONDS,
    PieceSize,
    RateLimit,
)


@given(st.floats(0.5, 100_000), st.integers(1, 500), st.lists(st.floats(0, 3), max_size=60))
def test_over_any_time_no_more_is_published_than_the_rate_the_saved_time_and_a_piece_allow(
    rate: float, piece: int, lateness: list[float]
) -> None:
    """Every piece is published as soon as the limit allows, or some seconds later."""
    limit, now = RateLimit(rate), 1_000.0
    published: list[tuple[float, int]] = []
    for late in (0.0, *lateness):
        now += limit.wait(now) + late
        limit.charge(piece, now)
        published.append((now, piece))
    for first, (begin, _) in enumerate(published):
        for end, _ in published[first:]:
            within = sum(each for at, each in published if begin <= at <= end)
            assert within <= rate * (end - begin + SAVED_SECONDS) + piece + 1e-6 * within


@given(st.floats(0.5, 100_000), st.integers(1, 500), st.integers(1, 50))
def test_who_comes_as_soon_as_allowed_gets_the_whole_rate(
    rate: float, piece: int, count: int
) -> None:
    limit, now = RateLimit(rate), 1_000.0
    for _ in range(count):
        now += limit.wait(now)
        limit.charge(piece, now)
    assert now - 1_000.0 <= count * piece / rate * (1 + 1e-9)


def test_a_wait_that_ends_late_is_made_up_for_and_a_long_rest_is_not() -> None:
    limit = RateLimit(per_second=1_000)
    limit.charge(100, now=0.0)
    assert limit.wait(now=0.2) == 0
    limit.charge(100, now=0.2)
    assert limit.wait(now=0.2) == 0
    limit.charge(1_000, now=100.0)
    assert limit.wait(now=100.0) == 1.0 - SAVED_SECONDS


def test_without_a_limit_nobody_waits() -> None:
    limit = RateLimit(0)
    limit.charge(10**9, now=5.0)
    assert limit.wait(now=5.0) == 0


def test_before_the_first_charge_nobody_waits() -> None:
    assert RateLimit(0.001).wait(now=-inf) == 0


@given(st.lists(st.floats(0, 10), max_size=20), st.floats(1e-6, 1e-3))
def test_a_piece_comes_to_take_as_long_as_it_should_wherever_it_can(
    before: list[float], seconds_each: float
) -> None:
    size = PieceSize()
    for seconds in before:
        size.took(size.customers, seconds)
        assert FEWEST <= size.customers <= MOST
    for _ in range(10):
        size.took(size.customers, size.customers * seconds_each)
    taken = size.customers * seconds_each
    wanted = min(max(PIECE_SECONDS, FEWEST * seconds_each), MOST * seconds_each)
    assert abs(taken - wanted) <= seconds_each


def test_one_slow_piece_halves_the_next_and_a_short_one_changes_nothing() -> None:
    size = PieceSize()
    before = size.customers
    size.took(before, seconds=5.0)
    assert size.customers == before / 2
    size.took(FEWEST - 1, seconds=1e-6)
    assert size.customers == before / 2
