"""The scores of a hash computed once more, at its own instant and with its own model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.statistics import statistics
from stream_app.core.score import ScoreSettings, score
from stream_app.core.segments import TierBounds
from stream_app.settings import Settings
from stream_app.stores.keys import Keys
from stream_app.stores.redis import Link
from stream_app.wire.models import parameters_from_hash
from stream_app.wire.scores import redis_rows

if TYPE_CHECKING:
    from stream_app.jobs.verification.hashes import Hash

Question = tuple[str, str | None, str | None]
"""What must be the same for customers to be scored together: as_of, model, basis_reason."""


class Rescoring:
    """Scores customers as hashes say they were scored; learns models as it meets them."""

    def __init__(self, settings: Settings) -> None:
        self._calendar = Calendar(settings.time_zone)
        self._settings = score_settings(settings)
        self._models: dict[str, ModelParameters | str] = {}

    async def learn(self, link: Link, keys: Keys, hashes: Iterable[Mapping[str, str]]) -> None:
        """Read the parameters of the models that hashes name."""
        for name in {found["model"] for found in hashes if "model" in found} - self._models.keys():
            reply = await link.call(b"HGETALL", keys.model(name))
            try:
                stored = dict(zip(reply[::2], reply[1::2], strict=True))
                self._models[name] = parameters_from_hash(stored)
            except ValueError as error:
                self._models[name] = f"the parameters of model {name!r} can't be read: {error}"

    def fields(self, pairs: Sequence[tuple[Hash, Customer]]) -> list[Hash | str]:
        """For each hash all fields it must have, or why they can't be told."""
        answer: list[Hash | str] = [""] * len(pairs)
        together: dict[Question, list[int]] = defaultdict(list)
        for at, (found, _) in enumerate(pairs):
            question = found.get("as_of", ""), found.get("model"), found.get("basis_reason")
            together[question].append(at)
        for question, places in together.items():
            rows = self._rows(question, [pairs[at][1] for at in places])
            for at, row in zip(places, rows, strict=True):
                answer[at] = row
        return answer

    def _rows(self, question: Question, customers: list[Customer]) -> Sequence[Hash | str]:
        as_of, model, reason = question
        parameters = self._models.get(model) if model is not None else None
        if isinstance(parameters, str):
            return [parameters] * len(customers)
        if not as_of.isdigit():
            return [f"as_of is {as_of!r}, no instant"] * len(customers)
        scores = score(
            statistics(customers),
            as_of_seconds=int(as_of),
            as_of_day=self._calendar.day_of(int(as_of) * 1_000_000),
            calendar=self._calendar,
            parameters=parameters,
            basis_reason=reason,
            settings=self._settings,
        )
        return [_fields(row) for row in redis_rows(customers, scores, 0)]


def score_settings(settings: Settings) -> ScoreSettings:
    """The settings that scores depend on."""
    tiers = TierBounds(
        alive=settings.tier_alive,
        at_risk=settings.tier_at_risk,
        new_days=settings.tier_new_days,
        formula_days=settings.tier_formula_days,
    )
    return ScoreSettings(settings.currency, settings.lifespan_years, tiers)


def _fields(row: Sequence[str]) -> Hash:
    return dict(zip(row[::2], row[1::2], strict=True))
