"""Whose numbers have moved through silence alone: levels, instead of a memory of what was shown.

A silent customer's numbers change only when a business day begins, a little each time and always
the same way. Each number has a grid; a customer has moved between two days when one of its numbers
lies on another level. Who publishes everybody who has moved since the last look keeps what is shown
on the level of now, without knowing what is shown: a number that goes one way can't leave its level
and come back.

    p_alive, churn_30, churn_90         steps of `drift`
    orders_365, and with it ltv_365     steps by the factor 1 + `drift`
    the values by formula               the same, of the one factor in them that time moves
    next_order_at                       there or not, and half-lives of the silence, see below

A due date lies a wait w ahead of the instant from which it is counted, T weeks after the first
purchase, and should be counted anew before it has passed. In each of our models a living customer
buys within w with a chance of at most 1 - ((alpha + T) / (alpha + T + w))^k, k = r + x. The date is
a median, so this is at least a half, and k log2(alpha + T) grows by 1 or more until then. Its whole
part is the level: it is another one by the first day that begins after the date.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from stream_app.core.models.arrays import Floats
from stream_app.core.models.day_starts import ABSENT
from stream_app.core.models.formula import DAYS_A_YEAR
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.score import Scores

Movement = Literal["fall", "drift"]
"""What silence has done: the tier is another one; or it is not, but a number is off by a level."""

Levels = NDArray[np.int64]
NONE: Final = -(1 << 62)
"""The level of a number that is absent, and of a value of 0: below all others."""


def movements(
    before: Scores, after: Scores, parameters: ModelParameters | None, drift: float
) -> list[Movement | None]:
    """What silence did to each customer between two instants: the same facts, scored twice.

    `parameters` are those that both were scored with; `drift` > 0 is the step of the grids.
    """
    falls = before.next_fall_at
    fell = (falls != ABSENT) & (falls <= after.as_of)
    drifted = levels(before, parameters, drift) != levels(after, parameters, drift)
    names: tuple[Movement | None, ...] = (None, "drift", "fall")
    return [names[each] for each in np.where(fell, 2, drifted.any(axis=0)).tolist()]


def levels(scores: Scores, parameters: ModelParameters | None, drift: float) -> Levels:
    """A row for each number that drifts, a column for each customer."""
    by_formula = _of_values(_formula_factor(scores), drift)
    if parameters is None:
        return by_formula[None]
    chances = np.stack((scores.p_alive, scores.churn_30, scores.churn_90))
    chances, orders = (np.where(scores.bought, each, 0.0) for each in (chances, scores.orders_365))
    halvings = (parameters.r + scores.frequency) * np.log2(parameters.alpha + scores.T_days / 7.0)
    due = scores.next_order_at != ABSENT
    return np.stack(
        (
            by_formula,
            *np.floor(chances / drift).astype(np.int64),
            _of_values(orders, drift),
            np.where(due, np.floor(halvings).astype(np.int64), NONE),
        )
    )


def _of_values(values: Floats, drift: float) -> Levels:
    """Two values on one level differ by less than the share `drift` of the lesser one."""
    some = values > 0
    steps = np.log(np.where(some, values, 1.0)) / np.log1p(drift)
    return np.where(some, np.floor(steps).astype(np.int64), NONE)


def _formula_factor(scores: Scores) -> Floats:
    """What becomes less in the formula's orders a year as time passes; 0 where all of it is 0."""
    some = scores.ordered & (scores.aov_minor != 0)
    return np.where(some, 1.0 / np.maximum(scores.T_days + 1.0, float(DAYS_A_YEAR)), 0.0)
