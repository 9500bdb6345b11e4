"""The derivatives that fits climb by, against differences of the likelihood itself."""

from __future__ import annotations

import numpy as np
import pytest

from stream_app.core.models.bg_nbd import BgNbd
from stream_app.core.models.mbg_nbd import MbgNbd
from stream_app.core.models.pareto_nbd import ParetoNbd

X = np.array([0.0, 0.0, 1.0, 2.0, 3.0, 10.0, 500.0, 2000.0, 5.0])
T_X = np.array([0.0, 0.0, 5.0, 30.43, 39.0, 20.0, 300.0, 300.0, 39.0])
T = np.array([39.0, 0.0, 39.0, 38.86, 39.0, 39.0, 301.0, 310.0, 39.0])
STEP = 1e-4


@pytest.mark.parametrize("kind", [MbgNbd, BgNbd, ParetoNbd])
@pytest.mark.parametrize(
    "parameters", [(0.5, 6.0, 0.9, 1.6), (0.25, 4.4, 0.8, 2.4), (2.0, 0.3, 30.0, 11.0)]
)
def test_slopes_are_those_of_the_likelihood(
    kind: type[MbgNbd | BgNbd | ParetoNbd], parameters: tuple[float, float, float, float]
) -> None:
    height, slopes = kind(*parameters).log_likelihood_with_slopes(X, T_X, T)
    np.testing.assert_allclose(height, kind(*parameters).log_likelihood(X, T_X, T), rtol=1e-12)
    for place in range(4):
        steps = [1.0] * 4
        steps[place] = np.exp(STEP)
        more = kind(*(p * s for p, s in zip(parameters, steps, strict=True)))
        less = kind(*(p / s for p, s in zip(parameters, steps, strict=True)))
        change = more.log_likelihood(X, T_X, T) - less.log_likelihood(X, T_X, T)
        np.testing.assert_allclose(slopes[place], change / (2 * STEP), rtol=1e-6, atol=1e-6)
