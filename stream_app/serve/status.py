"""How everything is doing: what each partition's owner said last, and all of them together."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from stream_app.core.models.parameters import ModelParameters
from stream_app.jobs import model_grades
from stream_app.serve.publication import Publication
from stream_app.stores.keys import COHORTS, GRADES, STATUS
from stream_app.wire import grades as wire_grades
from stream_app.wire.cohorts import partitions_of
from stream_app.wire.models import parameters_from_hash
from stream_app.wire.status import Status, decode_status

STALE_SECONDS: Final = 10.0
"""A status is written about once a second; one that is so old has no owner."""
_OUTCOMES: Final = ("applied", "duplicate", "refused")


class StatusReader:
    """Reads statuses, and remembers how many partitions a publication has."""

    def __init__(self, publication: Publication) -> None:
        self._publication = publication
        self._partitions: dict[int, int] = {}

    async def read(self) -> dict[str, Any]:
        """As one object; NotFound where nothing is published."""
        reads = self._publication
        build, gen = await reads.generation()
        names = [reads.keys.summary(name, gen) for name in (STATUS, GRADES)]
        places = (reads.keys.model_current, reads.keys.model_challenger)
        said, graded, champion, challenger = await reads.hashes(*names, *places)
        found = {int(number): decode_status(value) for number, value in said.items()}
        statuses = {number: one for number, one in sorted(found.items()) if one is not None}
        models = {"champion": _parameters(champion), "challenger": _parameters(challenger)}
        return {
            "build": build,
            "gen": gen,
            **as_object(statuses, await self._count(gen, statuses), time.time()),
            "models": _models(models, graded.values()),
        }

    async def _count(self, gen: int, statuses: Mapping[int, Status]) -> int | None:
        """How many partitions there are; None while no totals say so."""
        if gen not in self._partitions:
            for number in sorted(statuses)[:1]:
                value = await self._publication.field(
                    self._publication.keys.summary(COHORTS, gen), b"%d" % number
                )
                count = partitions_of(value) if value else None
                if count is not None:
                    self._partitions = {gen: count}
        return self._partitions.get(gen)


def as_object(statuses: Mapping[int, Status], count: int | None, now: float) -> dict[str, Any]:
    """All partitions together, and each; what is stale is in no rate."""
    fresh = [one for one in statuses.values() if now - one.at <= STALE_SECONDS]
    late = [one.late_seconds for one in fresh if one.late_seconds is not None]
    events: dict[str, dict[str, int]] = {}
    lag: dict[str, int] = {}
    for one in statuses.values():
        for topic, counts in one.events.items():
            sums = events.setdefault(topic, dict.fromkeys(_OUTCOMES, 0))
            for outcome in _OUTCOMES:
                sums[outcome] += getattr(counts, outcome)
        for topic, records in one.lag.items():
            lag[topic] = lag.get(topic, 0) + records
    return {
        "at": now,
        "age_seconds": max((now - one.at for one in statuses.values()), default=None),
        "stale": len(fresh) < len(statuses) or len(statuses) < (count or 0) or not statuses,
        "customers": sum(one.customers for one in statuses.values()),
        "events": events,
        "events_per_second": sum(one.events_per_second for one in fresh),
        "lag": lag,
        "behind": sum(one.behind for one in statuses.values()),
        "late_seconds": max(late, default=None),
        "partitions": {
            "of": count,
            "missing": [n for n in range(count or 0) if n not in statuses],
            "each": [_partition(number, one, now) for number, one in statuses.items()],
        },
    }


def _partition(number: int, one: Status, now: float) -> dict[str, Any]:
    age = now - one.at
    return {
        "partition": number,
        "at": one.at,
        "age_seconds": age,
        "stale": age > STALE_SECONDS,
        "worker": one.worker,
        "customers": one.customers,
        "events": {
            topic: {outcome: getattr(counts, outcome) for outcome in _OUTCOMES}
            for topic, counts in one.events.items()
        },
        "events_per_second": one.events_per_second,
        "lag": one.lag,
        "behind": one.behind,
        "late_seconds": one.late_seconds,
        "model": one.model,
    }


def _models(models: Mapping[str, ModelParameters | None], graded: Any) -> list[dict[str, Any]]:
    decoded = [one for one in map(wire_grades.decode, graded) if one is not None]
    grades = model_grades.summed(decoded)
    return [
        {
            "id": one.id,
            "role": role,
            "kind": one.kind,
            "fitted_at": one.fitted_at,
            "grades": model_grades.as_object(grades, one),
        }
        for role, one in models.items()
        if one is not None
    ]


def _parameters(stored: Mapping[bytes, bytes]) -> ModelParameters | None:
    try:
        return parameters_from_hash(stored) if stored else None
    except ValueError:
        return None
