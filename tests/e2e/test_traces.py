"""Traces of a real worker: a span a slice, a span a publish that links them, none an event."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.generate import Shape
from tests.rig.collector import attributes, collector
from tests.rig.script import drain, feed, sigterm, start
from tests.rig.stage import Stages

RECORDS = 3_000


async def test_each_slice_is_a_span_and_each_publish_links_the_slices_that_it_writes(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = Shape(stages.seed, customers=300, records=RECORDS, poison={"not_json": 0.02})
    async with collector() as told, stages.open(shape) as stage:
        # OpenTelemetry's own variables, which the worker inherits as any child does.
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", told.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        await stage.play([start(OTEL="1"), feed(RECORDS), drain(), sigterm()], judged=False)
        folds, publishes = told.named("fold "), told.named("publish")
        assert told.services == {"ltv-worker"}

        of: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for span in folds:
            said = attributes(span)
            place = said["messaging.destination.name"], said["messaging.destination.partition.id"]
            of.setdefault(place, []).append(said)
        assert sum(
            one["messaging.batch.message_count"] for each in of.values() for one in each
        ) == (len(stage.ledger.records))
        for slices in of.values():
            slices.sort(key=lambda one: one["ltv.first_offset"])
            assert slices[0]["ltv.first_offset"] == 0
            for before, after in pairwise(slices):
                assert after["ltv.first_offset"] == before["ltv.last_offset"] + 1
        assert len(folds) < len(stage.ledger.records) / 4, "spans are of slices, not of events"

        known = {(span.trace_id, span.span_id) for span in folds}
        linked = [(link.trace_id, link.span_id) for span in publishes for link in span.links]
        assert len(linked) == len(set(linked)), "Redis was well: every slice is written once"
        changed = {(one.trace_id, one.span_id) for one in folds if attributes(one)["ltv.applied"]}
        assert changed <= set(linked) <= known
        refused = sum(attributes(span)["ltv.refused"] for span in folds)
        assert refused == len(stage.ledger.dead_letters()) > 0
