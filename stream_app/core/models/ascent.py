"""Climbing a likelihood in log-parameters, and knowing whether its top was reached.

A quasi-Newton climb from each start comes near; Newton's steps, with the curvature taken from
differences of the exact gradient, then end within rounding of the top. On a finer count of the
same population the curvature is nearly the same, so that a few gradients find the top there. A
point counts as the top by the gradient of the mean log-likelihood: an optimiser's own verdict says
"precision loss" at many a fine fit, and "converged" on slopes that merely look flat.

References
----------
J. Nocedal, S. J. Wright (2006), Numerical Optimization, 2nd edition, chapters 3 and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Final

import numpy as np
from scipy import optimize

from stream_app.core.models.arrays import Floats
from stream_app.core.models.parameters import LARGEST

STEEPEST: Final = 1e-6
"""Largest slope of the mean log-likelihood by a log-parameter that counts as level."""
BOUND: Final = log(LARGEST) - 2.0
"""Log-parameters, in the fit's own units, are looked for between plus and minus this."""
LEVEL: Final = STEEPEST / 1000
"""Slope at which a climb need not go on."""
NEWTON_STEPS: Final = 12
ROUNDING: Final = 1e-9
"""Of a height, relative: its terms may be a million times as large as their sum."""
NO_CURVATURE: Final = np.zeros((0, 0))
_STEP: Final = 1e-4

Slopes = Callable[[Floats], tuple[float, Floats]]
"""From log-parameters to the mean log-likelihood and its gradient."""


@dataclass(frozen=True)
class Top:
    """Where a climb ended."""

    at: Floats
    """Log-parameters."""
    height: float
    """Mean log-likelihood."""
    slope: float
    """Largest part of its gradient there."""
    curvature: Floats
    """Second derivatives, for going on from there; empty where it was not computed."""

    @property
    def reached(self) -> bool:
        """Whether this is a top, and not a slope or the edge of where it was looked for."""
        return bool(self.slope <= STEEPEST and not self.at_edge)

    @property
    def at_edge(self) -> bool:
        """Whether the climb ran into the edge of where it looks."""
        return bool(np.abs(self.at).max() >= BOUND)

    def problem(self, names: Sequence[str]) -> str | None:
        """Why it is no top, in a sentence's part; None where it is."""
        if self.reached:
            return None
        if self.at_edge:
            edge = int(np.abs(self.at).argmax())
            way = "grow" if self.at[edge] > 0 else "shrink"
            return f"the likelihood has no maximum: {names[edge]} would {way} without end"
        return f"the likelihood's slope is still {self.slope:.1g} where the search ended"


def climb(slopes: Slopes, starts: Sequence[Sequence[float]]) -> Top:
    """The highest point found from any of the starts (parameters, not their logs)."""
    tops = [_near(slopes, np.log(np.asarray(start, np.float64))) for start in starts]
    return _polished(slopes, max(tops, key=lambda top: top.height))


def climb_on(slopes: Slopes, before: Top) -> Top:
    """The top of nearly the same likelihood, from another's and by the curvature there."""
    at = before.at
    for _ in range(NEWTON_STEPS if before.reached and before.curvature.size else 0):
        height, slope = slopes(at)
        top = Top(at, height, float(np.abs(slope).max()), before.curvature)
        if top.slope < LEVEL:
            return top
        at = _stepped(at, slope, before.curvature)
    return climb(slopes, [np.exp(at).tolist()])


def _stepped(at: Floats, slope: Floats, curvature: Floats) -> Floats:
    """Newton's step, at most one e-fold of a parameter long, within the bounds."""
    step = np.linalg.lstsq(curvature, -slope, rcond=None)[0]
    stepped: Floats = np.clip(at + step / max(1.0, np.abs(step).max()), -BOUND, BOUND)
    return stepped


def _near(slopes: Slopes, start: Floats) -> Top:
    def downhill(at: Floats) -> tuple[float, Floats]:
        height, slope = slopes(at)
        return -height, -slope

    found = optimize.minimize(
        downhill,
        np.clip(start, -BOUND, BOUND),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-BOUND, BOUND)] * len(start),
        options={"maxiter": 300, "ftol": 1e-12, "gtol": STEEPEST / 10},
    )
    slope = float(np.abs(found.jac).max())
    return Top(np.asarray(found.x, np.float64), -float(found.fun), slope, NO_CURVATURE)


def _polished(slopes: Slopes, near: Top) -> Top:
    """Newton's steps while they lead up; ends where the gradient is rounding noise."""
    at, curvature = near.at, NO_CURVATURE
    height, slope = slopes(at)
    for _ in range(NEWTON_STEPS):
        if np.abs(at).max() >= BOUND or (curvature.size and np.abs(slope).max() < LEVEL):
            break
        curvature = _curvature(slopes, at)
        nearer = _stepped(at, slope, curvature)
        new_height, new_slope = slopes(nearer)
        # At the top heights differ by rounding alone: there the slope decides.
        flatter = np.abs(new_slope).max() < np.abs(slope).max()
        if new_height < height - ROUNDING * abs(height) or (new_height <= height and not flatter):
            break
        at, height, slope = nearer, new_height, new_slope
    return Top(at, height, float(np.abs(slope).max()), curvature)


def _curvature(slopes: Slopes, at: Floats) -> Floats:
    rows = []
    for place in range(len(at)):
        step = np.zeros_like(at)
        step[place] = _STEP
        rows.append((slopes(at + step)[1] - slopes(at - step)[1]) / (2 * _STEP))
    square = np.array(rows)
    symmetric: Floats = (square + square.T) / 2
    return symmetric


def parameters_of(top: Top) -> list[float]:
    """The parameters themselves."""
    return [exp(value) for value in top.at.tolist()]
