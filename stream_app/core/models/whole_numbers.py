"""Exact whole numbers in columns: int64 where all fit, Python's own integers where one does not."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Whole: TypeAlias = NDArray[Any]
"""int64, or dtype object holding Python integers."""

# Half of the int64 range, so that a sum of two such numbers fits as well.
SAFE = 2.0**62


def largest(column: Whole) -> float:
    """The largest magnitude in a column, as a float; 0 for an empty one."""
    return float(np.abs(column.astype(np.float64)).max()) if len(column) else 0.0


def with_room(column: Whole, bound: float) -> Whole:
    """The column, in Python's integers where results up to `bound` would not fit int64."""
    return column if column.dtype == object or bound < SAFE else column.astype(object)


def divided_half_even(numerators: Whole, denominators: Whole) -> Whole:
    """Quotients rounded to the nearest whole number, halves to the even one; denominators > 0.

    >>> divided_half_even(np.array([1, 3, 5, -1, -3, 7]), np.array([2, 2, 2, 2, 2, 4]))
    array([ 0,  2,  2,  0, -2,  2])
    """
    quotient = numerators // denominators
    twice = 2 * (numerators - quotient * denominators)
    up = (twice > denominators) | ((twice == denominators) & (quotient % 2 == 1))
    rounded: Whole = quotient + up
    return rounded


def whole(floats: NDArray[np.float64]) -> Whole:
    """Rounded half even, as integers."""
    rounded = np.rint(floats)
    if largest(rounded) < SAFE:
        return rounded.astype(np.int64)
    return np.array([int(value) for value in rounded.tolist()], dtype=object)
