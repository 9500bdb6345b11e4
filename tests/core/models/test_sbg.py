"""sBG against the 2007 paper's two segments: percent of members left after each renewal."""

from __future__ import annotations

import numpy as np
import pytest

from stream_app.core.models.sbg import Sbg

REGULAR = np.array([1000, 631, 468, 382, 326, 289, 262, 241])
HIGH_END = np.array([1000, 869, 743, 653, 593, 551, 517, 491])


@pytest.mark.parametrize(
    ("model", "survivors", "likelihood"),
    [
        (Sbg(0.704077, 1.182043), REGULAR, -1680.2652),
        (Sbg(0.668088, 3.806096), HIGH_END, -1611.1581),
    ],
    ids=["Regular", "High End"],
)
def test_likelihood_of_the_papers_segments(
    model: Sbg, survivors: np.ndarray, likelihood: float
) -> None:
    assert model.log_likelihood(survivors) == pytest.approx(likelihood, abs=1e-3)
    assert model.survival(np.arange(8)) == pytest.approx(survivors / 1000, abs=0.02)


def test_survival_is_the_product_of_retentions() -> None:
    model = Sbg(0.668, 3.806)
    assert np.prod(model.retention(np.arange(1, 13))) == pytest.approx(float(model.survival(12)))


def test_survival_of_who_has_stayed_is_conditional() -> None:
    model = Sbg(0.668, 3.806)
    later = model.survival(10) / model.survival(7)
    assert float(model.survival_given(7, 3)) == pytest.approx(float(later))
    assert float(model.survival_given(7, 3)) > float(model.survival(3))


def test_survival_stays_finite_over_ten_thousand_renewals() -> None:
    with np.errstate(all="raise"):
        assert 0 < float(Sbg(0.7, 1.2).survival(10_000)) < 0.01
