"""The sample is the one that the literature speaks of."""

from __future__ import annotations

from datetime import date

import pytest

from stream_app.dev.cache import cache_directory
from stream_app.dev.cdnow import CdnowRow, cdnow_sample, read_sample
from stream_app.dev.kafka import silent


@pytest.mark.stack
def test_the_sample_has_the_published_totals() -> None:
    rows = list(read_sample(cdnow_sample(cache_directory(), silent)))
    assert rows[0] == CdnowRow("00004", date(1997, 1, 1), 2, "29.33", 2933)
    assert len(rows) == 6_919
    assert len({row.master_id for row in rows}) == 2_357
    assert len({(row.master_id, row.day) for row in rows}) == 6_696
    assert sum(row.amount_minor for row in rows) == 24_409_194
    assert sum(row.amount_minor == 0 for row in rows) == 8
    assert (min(row.day for row in rows), max(row.day for row in rows)) == (
        date(1997, 1, 1),
        date(1998, 6, 30),
    )
