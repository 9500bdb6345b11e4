"""Likelihoods and hold-out scores of the published fits on the CDNOW sample."""

from __future__ import annotations

import numpy as np
import pytest

from stream_app.core.models.bg_nbd import BgNbd
from stream_app.core.models.gamma_gamma import GammaGamma
from stream_app.core.models.mbg_nbd import MbgNbd
from stream_app.core.models.pareto_nbd import ParetoNbd
from stream_app.core.models.purchase_model import PurchaseModel
from tests.core.models.cdnow import split

BG = BgNbd(r=0.242595, alpha=4.413602, a=0.792922, b=2.425907)
MBG = MbgNbd(r=0.524843, alpha=6.183085, a=0.891359, b=1.614002)
PARETO = ParetoNbd(r=0.553277, alpha=10.577684, s=0.606240, beta=11.668742)
SPEND = GammaGamma(p=6.2496, q=3.7442, gamma=15.4435)
MODELS: dict[str, PurchaseModel] = {"BG": BG, "MBG": MBG, "PARETO": PARETO}
WEEKS = 39


def test_the_sample_is_counted_as_in_the_papers() -> None:
    sample = split()
    assert len(sample.x) == 2357
    assert (sample.x.sum(), (sample.x > 0).sum()) == (2457, 946)
    assert (sample.later_days.sum(), (sample.later_days > 0).sum()) == (1882, 684)
    assert sample.later_spend.sum() == pytest.approx(70_976.39)


@pytest.mark.parametrize(
    ("name", "total"), [("BG", -9582.4292), ("MBG", -9582.1357), ("PARETO", -9594.9762)]
)
def test_likelihood_of_the_fit(name: str, total: float) -> None:
    sample = split()
    found = MODELS[name].log_likelihood(sample.x, sample.t_x, sample.T)
    assert float(found.sum()) == pytest.approx(total, abs=1e-3)


def test_likelihood_of_the_spend_fit() -> None:
    sample = split()
    bought = (sample.x > 0) & (sample.monetary > 0)
    assert bought.sum() == 946
    found = SPEND.log_likelihood(sample.x[bought], sample.monetary[bought])
    assert float(found.sum()) == pytest.approx(-4055.9177, abs=1e-3)


def test_likelihood_in_days_differs_by_the_unit_alone() -> None:
    sample = split()
    in_days = BgNbd(BG.r, BG.alpha * 7, BG.a, BG.b)
    found = in_days.log_likelihood(sample.x, sample.t_x * 7, sample.T * 7)
    assert float(found.sum()) == pytest.approx(-14363.5304, abs=1e-3)


@pytest.mark.parametrize(
    ("model", "published"),
    [
        (BG, [0.2251, 0.5231, 1.0441, 1.5203, 2.1638, 2.6538, 3.5040, 6.1570]),
        (PARETO, [0.138, 0.600, 1.196, 1.714, 2.399, 2.907, 3.819, 6.403]),
    ],
    ids=["BG", "PARETO"],
)
def test_hold_out_means_by_calibration_frequency(
    model: PurchaseModel, published: list[float]
) -> None:
    sample = split()
    expected = model.expected_purchases(WEEKS, sample.x, sample.t_x, sample.T)
    bucket = np.minimum(sample.x, 7)
    sizes = [int((bucket == k).sum()) for k in range(8)]
    assert sizes == [1411, 439, 214, 100, 62, 38, 29, 64]
    actual = [sample.later_days[bucket == k].mean() for k in range(8)]
    seen = [0.2367, 0.6970, 1.3925, 1.5600, 2.5323, 2.9474, 3.8621, 6.3594]
    assert actual == pytest.approx(seen, abs=5e-5)
    found = [expected[bucket == k].mean() for k in range(8)]
    assert found == pytest.approx(published, rel=1e-3, abs=5e-4)


@pytest.mark.parametrize(
    ("name", "total", "mae", "rmse", "revenue", "revenue_mae", "alive"),
    [
        ("BG", 1653.41, 0.78545, 1.60798, 59_931.62, 30.41, 0.8134),
        ("MBG", 1576.73, 0.76478, 1.60718, 57_128.10, 29.71, 0.4487),
        ("PARETO", 1665.51, 0.75452, 1.60285, 60_449.30, 29.45, 0.4463),
    ],
)
def test_hold_out_scores(
    name: str, total: float, mae: float, rmse: float, revenue: float, revenue_mae: float,
    alive: float,
) -> None:  # fmt: skip
    sample, model = split(), MODELS[name]
    expected = model.expected_purchases(WEEKS, sample.x, sample.t_x, sample.T)
    error = expected - sample.later_days
    assert float(expected.sum()) == pytest.approx(total, abs=0.05)
    assert float(np.abs(error).mean()) == pytest.approx(mae, abs=5e-5)
    assert float(np.sqrt((error**2).mean())) == pytest.approx(rmse, abs=5e-5)
    value = expected * SPEND.expected_spend(sample.x, sample.monetary)
    assert float(value.sum()) == pytest.approx(revenue, rel=1e-4)
    assert float(np.abs(value - sample.later_spend).mean()) == pytest.approx(revenue_mae, abs=0.01)
    mean_alive = model.p_alive(sample.x, sample.t_x, sample.T).mean()
    assert float(mean_alive) == pytest.approx(alive, abs=1e-4)
