"""What the grades of the live models look like to Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from stream_app.core.models.prequential import BINS, Prequential
from stream_app.metrics import GaugeName, Metrics

_OF_MODELS: Final[dict[GaugeName, Callable[[Prequential], float | None]]] = {
    "ltv_prequential_forecasts": lambda grades: grades.forecasts,
    "ltv_prequential_log_loss": lambda grades: grades.log_loss,
    "ltv_prequential_brier": lambda grades: grades.brier,
    "ltv_prequential_recent_expected": lambda grades: grades.recent_expected,
    "ltv_prequential_recent_variance": lambda grades: grades.recent_variance,
    "ltv_prequential_bias": lambda grades: grades.bias,
    "ltv_prequential_drift": lambda grades: grades.drift,
    "ltv_prequential_spends": lambda grades: grades.spends,
    "ltv_prequential_spend_error": lambda grades: grades.spend_mae,
    "ltv_prequential_gap": lambda grades: grades.gap,
}
_OF_BINS: Final[dict[GaugeName, Callable[[Prequential], tuple[float, ...]]]] = {
    "ltv_prequential_expected": lambda grades: grades.bin_expected,
    "ltv_prequential_observed": lambda grades: grades.bin_bought,
}
_LABELS: Final = tuple(f"{(place + 1) / BINS:.1f}" for place in range(BINS))
"""Of each bin, its upper bound."""


def show(metrics: Metrics, grades_by_model: Mapping[str, Prequential]) -> None:
    """Say how these models have done, and nothing any more of any other.

    A mean of nothing is not there, and neither is a bin without a forecast.
    """
    for name, of_model in _OF_MODELS.items():
        means = {(model,): of_model(grades) for model, grades in grades_by_model.items()}
        metrics.replace(name, {labels: mean for labels, mean in means.items() if mean is not None})
    for name, of_bins in _OF_BINS.items():
        sums: dict[tuple[str, ...], float] = {
            (model, label): total
            for model, grades in grades_by_model.items()
            for label, total, count in zip(
                _LABELS, of_bins(grades), grades.bin_forecasts, strict=True
            )
            if count
        }
        metrics.replace(name, sums)
