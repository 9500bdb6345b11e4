"""The watermarks of a build that begins with a history: where its stream goes on, what was read."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stream_app.jobs.backfill.cut import Cut
from stream_app.jobs.backfill.folding import Counted
from stream_app.settings import Settings
from stream_app.wire.beginning import nothing_yet
from stream_app.wire.changelog import History, RowCounts, Watermark


def watermarks_of(
    settings: Settings, cut: Cut, counted: Sequence[Counted], refused: int
) -> dict[int, Watermark]:
    """By partition. `refused`: rows of the whole history that were left out."""
    return {
        number: _watermark(settings, cut, number, one, refused)
        for number, one in enumerate(counted)
    }


def _watermark(
    settings: Settings, cut: Cut, number: int, counted: Counted, refused: int
) -> Watermark:
    sources = cut.of(number)
    rows = {
        topic: RowCounts(applied, duplicate)
        for topic, applied, duplicate in zip(
            settings.source_topics, counted.applied, counted.duplicate, strict=True
        )
    }
    return msgspec.structs.replace(
        nothing_yet(settings),
        sources=sources,
        max_at_us=counted.max_at_us,
        net_minor=counted.net_minor,
        history=History(
            until_us=cut.until_us,
            starts={topic: position.next_offset for topic, position in sources.items()},
            rows=rows,
            refused=refused,
        ),
    )
