"""Segments over HTTP: of all partitions of the publication in use."""

from __future__ import annotations

import asyncio
from typing import Any

from stream_app.errors import Fault
from stream_app.jobs.report.command import day_of_report, known_at
from stream_app.jobs.report.segments import second_purchase, segments_as_object
from stream_app.serve.publication import Publication
from stream_app.settings import Settings
from stream_app.stores.keys import COHORTS, SEGMENTS
from stream_app.wire.published_cohorts import published_cohorts
from stream_app.wire.segments import Segments, decode_segments


async def read_segments(settings: Settings, publication: Publication) -> dict[str, Any]:
    """Of the publication in use; NotFound before its partitions were looked over."""
    values, cohorts = await publication.summaries(SEGMENTS, COHORTS)
    said = [one for one in map(decode_segments, values.values()) if one is not None]
    if not said or not cohorts:
        raise publication.nothing("segments are")
    try:
        return await asyncio.to_thread(_made, settings, said, cohorts)
    except ValueError as error:
        raise Fault(f"The totals at {publication.shown} can't be read: {error}.") from None


def _made(settings: Settings, said: list[Segments], cohorts: dict[int, bytes]) -> dict[str, Any]:
    bought = published_cohorts(cohorts, "first-purchase")
    known = known_at(settings, bought, day_of_report(settings, bought))
    return segments_as_object(said, bought) | {"second_purchase": second_purchase(bought, known)}
