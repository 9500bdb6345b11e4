"""What differing states are worth: scored at one instant, with one model and one set of bounds.

The model is the one that workers use now, so that what is shown comes from the facts alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.statistics import statistics
from stream_app.core.score import score
from stream_app.core.segments import TIERS
from stream_app.errors import ConfigurationError
from stream_app.jobs.models_topic import read_models
from stream_app.jobs.verification.rescoring import score_settings
from stream_app.settings import Settings
from stream_app.wire.models import decode_model

AT_ONCE: Final = 2000
"""Customers scored in one call."""


@dataclass(frozen=True)
class Worth:
    """What a customer's state says when it is scored."""

    revenue_minor: int
    ltv_minor: int
    """0 where there is no future value."""
    tier: str


class Scorer:
    """Scores states; the instant and the model are the same for all."""

    def __init__(self, settings: Settings, as_of: int, parameters: ModelParameters | None) -> None:
        self.as_of = as_of
        self.parameters = parameters
        self._calendar = Calendar(settings.time_zone)
        self._settings = score_settings(settings)

    def worth(self, customers: Sequence[Customer]) -> list[Worth]:
        """Of each of the customers, in their order."""
        return [
            one
            for start in range(0, len(customers), AT_ONCE)
            for one in self._some(customers[start : start + AT_ONCE])
        ]

    def _some(self, customers: Sequence[Customer]) -> list[Worth]:
        scores = score(
            statistics(customers),
            as_of_seconds=self.as_of,
            as_of_day=self._calendar.day_of(self.as_of * 1_000_000),
            calendar=self._calendar,
            parameters=self.parameters,
            basis_reason=None,
            settings=self._settings,
        )
        columns = (scores.revenue_minor, scores.ltv_minor, scores.valued, scores.tier)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [
            Worth(revenue, ltv if valued else 0, TIERS[tier]) for revenue, ltv, valued, tier in rows
        ]


async def parameters_in_use(settings: Settings) -> ModelParameters | None:
    """What a worker with these settings scores by now; None: by formula."""
    if settings.model_file:
        return _from_file(settings, Path(settings.model_file))
    usable = [
        model
        for model in await read_models(settings)
        if model.problem is None and model.role == "champion"
    ]
    return usable[-1].parameters if usable else None


def _from_file(settings: Settings, path: Path) -> ModelParameters:
    try:
        value = path.read_bytes()
        return decode_model(value, currency=settings.currency, time_zone=settings.time_zone)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"LTV_MODEL_FILE {path}: {error}") from error
