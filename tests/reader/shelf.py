"""Redis as far as a reader sees it: hashes under keys, filled as the worker fills them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.core.score import ScoreSettings
from stream_app.reader import Score
from stream_app.reader.knowledge import Knowledge
from stream_app.reader.reading import reading
from stream_app.stores.keys import Keys
from stream_app.wire.models import redis_fields
from stream_app.wire.score_fields import FIELDS
from stream_app.wire.scoring import scoring_fields
from stream_app.worker.publishing.scoring import AsOf, Scoring

KEYS = Keys("ltv:", 1)


@dataclass
class Shelf:
    """Publishes, and reads what was published through the steps of a read."""

    settings: ScoreSettings = field(default_factory=lambda: ScoreSettings("USD"))
    zone: str = "UTC"
    hashes: dict[bytes, dict[bytes, bytes]] = field(default_factory=dict)
    knowledge: Knowledge = field(default_factory=lambda: Knowledge(KEYS, 5.0))
    asked: list[list[bytes]] = field(default_factory=list)
    """Keys of each exchange."""

    def __post_init__(self) -> None:
        self.put(KEYS.scoring, scoring_fields(self.settings, self.zone))

    def put(self, key: bytes, row: Sequence[str]) -> None:
        """Replace a hash; `row` is field, value, field, value..."""
        self.hashes[key] = as_hash(row)

    def row(self, customer: Customer, at: int, model: ModelParameters | None) -> list[str]:
        """What the worker writes of a customer as of `at`."""
        as_of = AsOf(lambda: at)
        reason = None if model else "no model has been fitted yet"
        scoring = Scoring(Calendar(self.zone), self.settings, model, reason, as_of)
        return scoring.rows([b"c"], [customer], at, 4)[0]

    def publish(
        self, name: str, customer: Customer, at: int, model: ModelParameters | None = CDNOW
    ) -> None:
        """Write a customer as of `at`, and the model as if it were of this zone."""
        self.put(KEYS.customer(name.encode()), self.row(customer, at, model))
        if model is not None:
            self.put(KEYS.model(model.id), redis_fields(replace(model, time_zone=self.zone)))

    def read(self, *names: str, now: int, at: float = 0.0) -> list[Score | None]:
        """The steps of one read; `at` is the reader's own clock."""
        steps = reading(self.knowledge, KEYS, names, now=now, at=at)
        try:
            keys = next(steps)
            while True:
                self.asked.append(list(keys))
                keys = steps.send([self.hashes.get(key, {}) for key in keys])
        except StopIteration as done:
            return list(done.value)

    def one(self, name: str, *, now: int, at: float = 0.0) -> Score:
        """The same of one customer who is there."""
        (found,) = self.read(name, now=now, at=at)
        assert found is not None
        return found


def as_hash(row: Sequence[str]) -> dict[bytes, bytes]:
    """What HGETALL answers."""
    texts = [each.encode() for each in row]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def values(score: Any) -> Mapping[str, Any]:
    """The fields of a hash, by name."""
    return {one.name: getattr(score, one.name) for one in FIELDS}
