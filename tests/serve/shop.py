"""A shop as its workers publish it, by their writers: the CDNOW sample in three partitions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import redis

from stream_app.core.calendar import Calendar, day_from_text
from stream_app.core.customer import Customer
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.core.population import Population
from stream_app.core.score import ScoreSettings
from stream_app.stores.keys import COHORTS, STATUS, Keys
from stream_app.wire.changelog import Watermark
from stream_app.wire.cohorts import Meta, encode
from stream_app.wire.models import redis_fields
from stream_app.wire.scoring import scoring_fields
from stream_app.wire.status import Counts, Status, encode_status
from stream_app.worker.partition import Partition
from stream_app.worker.publishing.scoring import AsOf, Scoring
from stream_app.worker.survey import Look
from tests.cdnow_log import cdnow_records
from tests.core.cohort_logs import Following

PARTITIONS = 3
GEN = 4
AS_OF = day_from_text("1998-06-30") * 86_400
MODEL = replace(CDNOW, time_zone="UTC")


def cdnow_parts() -> list[Following]:
    """The customers of the sample, dealt out."""
    parts = [Following() for _ in range(PARTITIONS)]
    for record in cdnow_records():
        parts[int(record.key or b"0") % PARTITIONS].take([record])
    return parts


@dataclass
class Shop:
    """What a publication has in Redis, under a prefix of its own."""

    client: redis.Redis
    prefix: str
    model: ModelParameters | None = MODEL
    parts: Sequence[Following] = field(default_factory=list)
    as_of: int = AS_OF

    @property
    def keys(self) -> Keys:
        return Keys(self.prefix, 1)

    def scoring(self, **changes: Any) -> Scoring:
        """What the wiring of a worker gives."""
        reason = None if self.model else "no model has been fitted yet"
        settings = ScoreSettings("USD")
        made = Scoring(
            Calendar("UTC"), settings, self.model, reason, AsOf(lambda: self.as_of, self.as_of)
        )
        return replace(made, **changes)

    def open(self) -> None:
        """Who publishes, and by what."""
        self.client.hset(_text(self.keys.gen), mapping={"build": "1", "gen": str(GEN)})
        self._put(self.keys.scoring, scoring_fields(ScoreSettings("USD"), "UTC"))
        if self.model is not None:
            for place in ("current", self.model.id):
                self._put(self.keys.model(place), redis_fields(self.model))

    def customer(self, customer_id: str, customer: Customer) -> None:
        """One hash."""
        key = customer_id.encode()
        (row,) = self.scoring().rows([key], [customer], self.as_of, GEN)
        self._put(self.keys.customer(key), row)

    def everybody(self) -> None:
        """All customers, totals, segments, grades and statuses."""
        self.open()
        ranked = self.scoring(ranks=self._population().ranks())
        pipeline = self.client.pipeline(transaction=False)
        for number, part in enumerate(self.parts):
            partition = _partition(number, part.customers)
            ids, customers = list(partition.customers), list(partition.customers.values())
            for key, row in zip(ids, ranked.rows(ids, customers, self.as_of, GEN), strict=True):
                pipeline.hset(_text(self.keys.customer(key)), mapping=_mapping(row))
            look = Look(ranked, partition)
            look.add(ids, customers)
            for name, value in look.said().items():
                pipeline.hset(self.key(name), str(number), value)
            pipeline.hset(self.key(COHORTS), str(number), encode(part.totals, META))
        pipeline.execute()
        self.status()

    def status(self, *, age: float = 0.0, **changes: Any) -> None:
        """What each partition's owner says about itself, so many seconds ago."""
        for number, part in enumerate(self.parts):
            said = Status(
                at=time.time() - age,
                worker="shop:17",
                customers=len(part.customers),
                events={"purchases": Counts(2306 + (number == 0), 0, 0)},
                events_per_second=12.5,
                lag={"purchases": number},
                behind=0,
                late_seconds=0.004 * (number + 1),
                model=self.model.id if self.model else None,
            )
            value = encode_status(_changed(said, changes))
            self.client.hset(self.key(STATUS), str(number), value)

    def key(self, summary: str) -> str:
        """Where the partitions say something."""
        return _text(self.keys.summary(summary, GEN))

    def close(self) -> None:
        """Remove everything of this prefix."""
        for key in self.client.scan_iter(f"{self.prefix}*", count=10_000):
            self.client.delete(key)

    def _population(self) -> Population:
        whole = Population()
        for number, part in enumerate(self.parts):
            held = _partition(number, part.customers).customers
            for scores in self.scoring().scored(list(held), list(held.values()), self.as_of):
                whole.add(scores)
        return whole

    def _put(self, key: bytes, row: Sequence[str]) -> None:
        self.client.delete(_text(key))
        self.client.hset(_text(key), mapping=_mapping(row))


META = Meta(
    currency="USD",
    time_zone="UTC",
    partitions=PARTITIONS,
    published_at=AS_OF,
    first_purchase_day=day_from_text("1997-01-01"),
    last_day=day_from_text("1998-06-30"),
)


def _changed(said: Status, changes: Mapping[str, Any]) -> Status:
    return msgspec.structs.replace(said, **changes)


def _mapping(row: Sequence[str]) -> dict[Any, Any]:
    return dict(zip(row[::2], row[1::2], strict=True))


def _text(key: bytes) -> str:
    return key.decode()


def _partition(number: int, customers: Mapping[str, Customer]) -> Partition:
    watermark = Watermark(
        sources={},
        state_version=1,
        time_zone="UTC",
        currency="USD",
        partitioner="murmur2",
        tzdata="",
        partitions=PARTITIONS,
        max_at_us=0,
        net_minor=0,
    )
    made = Partition(number, 50, watermark, next_offset=51, acknowledged={})
    made.customers = {key.encode(): customer for key, customer in customers.items()}
    return made
