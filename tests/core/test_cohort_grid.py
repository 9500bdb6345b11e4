"""Numbers in a grid are exact whatever their size, and rows are taken again."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.cohorts.directory import Directory, key_numbers
from stream_app.core.cohorts.grid import Grid
from stream_app.core.cohorts.tally import Tally

HUGE = st.one_of(st.integers(-5, 5), st.integers(-(2**60), 2**60), st.integers(-(10**30), 10**30))


@given(st.lists(st.lists(st.tuples(st.integers(0, 5), HUGE), max_size=6), max_size=12))
def test_sums_are_those_of_whole_numbers(changes: list[list[tuple[int, int]]]) -> None:
    grid = Grid(3)
    grid.grow(2)
    expected = [0] * 6
    for change in changes:
        fits = all(abs(value) < 2**61 for _, value in change)
        values = np.array([value for _, value in change], np.int64 if fits else object)
        grid.add(np.array([place for place, _ in change], np.int64), values)
        for place, value in change:
            expected[place] += value
    assert grid.row(0) + grid.row(1) == expected


def test_sums_that_outgrow_the_array_leave_room_for_others() -> None:
    grid = Grid(2)
    grid.grow(1)
    for _ in range(20):
        grid.add(np.array([0, 1]), np.array([2**60, 1]))
    assert grid.row(0) == [20 * 2**60, 20]
    assert np.abs(grid.array).max() <= 2**62


def test_a_row_whose_parts_cancel_is_cleared_and_another_is_not() -> None:
    grid = Grid(2)
    grid.grow(2)
    grid.add(np.array([0]), np.array([7]))
    grid.add_beyond([(0, -7), (3, 10**20)])
    assert grid.clear(0)
    assert (grid.array.tolist(), grid.beyond) == ([0, 0, 0, 0], {3: 10**20})
    assert not grid.clear(1)


def test_a_tally_may_be_below_zero_for_a_while() -> None:
    tally = Tally()
    tally.count(np.array([5]), -1)
    assert [column.tolist() for column in tally.settled()] == [[5], [-1]]
    tally.count(np.array([5, 6]), np.array([1, 2]))
    assert [column.tolist() for column in tally.settled()] == [[6], [2]]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=40))
def test_a_key_has_one_row_and_no_two_keys_share_one(steps: list[tuple[bool, int]]) -> None:
    directory = Directory()
    held: dict[int, int] = {}
    most = 0
    for add, month in steps:
        key = key_numbers(1, np.array([0]), np.array([month]))
        if add:
            (row,) = directory.rows(key).tolist()
            assert held.setdefault(month, row) == row
        elif month in held:
            directory.drop([held.pop(month)])
        assert len(set(held.values())) == len(held) == len(directory)
        most = max(most, len(held))
        assert max(held.values(), default=-1) < directory.size <= most
    entries = directory.entries(1)
    assert dict(zip(entries.month.tolist(), entries.rows.tolist(), strict=True)) == held
    assert not len(directory.entries(0).rows)
