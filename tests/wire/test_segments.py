"""What a partition says of its customers comes back as it was said."""

from __future__ import annotations

import pytest

from stream_app.core.portfolio import Portfolio, TierTotals
from stream_app.core.segments import SEGMENTS, segment_of
from stream_app.wire.segments import Segments, decode_segments, encode_segments


def test_sums_of_any_size_come_back_exactly() -> None:
    said = Segments(
        1_790_000_000,
        "mbg-1",
        Portfolio(
            {"active": TierTotals(3, 10**30, -(10**25), 7)},
            {155: 2},
            {-4: (1, -500), 0: (2, 0), 9: (1, 10**21)},
        ),
    )
    assert decode_segments(encode_segments(said)) == said


@pytest.mark.parametrize("bad", [b"", b"[]", b"nonsense", b'{"version":2}', b'{"version":1}'])
def test_bytes_that_say_nothing_are_none(bad: bytes) -> None:
    assert decode_segments(bad) is None


def test_every_field_of_the_grid_has_a_segment_and_every_segment_a_field() -> None:
    digits = [100 * r + 10 * f + m for r in range(1, 6) for f in range(1, 6) for m in (1, 5)]
    assert {segment_of(each) for each in digits} == set(SEGMENTS)
