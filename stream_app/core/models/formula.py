"""The marketer's formula: order value times orders a year times years. No model, no silence.

It assumes that a customer goes on for ever as on average so far: over the CDNOW hold-out it
overshoots by 82 %. A score that is made of it therefore says so in `basis`.

All in whole numbers: the same text for the same customer on every machine.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from stream_app.core.models.whole_numbers import Whole, divided_half_even, largest, with_room

DAYS_A_YEAR = Fraction(1461, 4)
"""365.25, as the calendar has it on average."""


def lifetime_value(
    order_value: Whole, orders: NDArray[np.int64], T_days: NDArray[np.int64], years: Fraction
) -> Whole:
    """Order value x orders a year x years, rounded half even, in the unit of `order_value`.

    Orders a year are `orders` x 365.25 / max(T + 1, 365.25): T + 1 days have been seen, and
    within the first year they are the orders there have been, so that a customer of a week is
    not extrapolated.

    >>> year = np.array([364])
    >>> lifetime_value(np.array([7]), np.array([15]), year, Fraction(40))
    array([4200])
    >>> lifetime_value(np.array([50]), np.array([2]), year, Fraction(12))
    array([1200])
    >>> lifetime_value(np.array([30]), np.array([12]), year, Fraction(2))
    array([720])
    """
    factor = DAYS_A_YEAR.numerator * years.numerator
    # The factor itself must fit as well: 17 digits of years do not, whatever they multiply.
    bound = max(largest(order_value) * largest(orders), 1.0) * factor
    value = with_room(order_value, bound) * orders * factor
    seen = np.maximum(DAYS_A_YEAR.denominator * (T_days + 1), DAYS_A_YEAR.numerator)
    return divided_half_even(
        value, with_room(seen, largest(seen) * years.denominator) * years.denominator
    )
