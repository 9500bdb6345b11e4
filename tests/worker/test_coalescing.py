"""How long changes are gathered: hardly when live, a tenth of the lateness in a backlog."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from stream_app.worker.publishing.coalescing import Coalescing

RULE = Coalescing(spacing_seconds=0.005, most_seconds=2.0, share=0.1, most_customers=1000)


def test_nothing_dirty_needs_no_flush_at_all() -> None:
    assert RULE.wait_seconds(customers=0, behind_seconds=9, since_flush_seconds=9) == math.inf


def test_the_first_change_after_a_pause_goes_at_once() -> None:
    assert RULE.wait_seconds(customers=1, behind_seconds=0.01, since_flush_seconds=1) == 0


def test_live_flushes_keep_their_distance() -> None:
    wait = RULE.wait_seconds(customers=1, behind_seconds=0.01, since_flush_seconds=0.002)
    assert math.isclose(wait, 0.003)


def test_a_backlog_waits_a_tenth_of_its_lateness_up_to_the_bound() -> None:
    assert RULE.wait_seconds(customers=1, behind_seconds=5, since_flush_seconds=0) == 0.5
    assert RULE.wait_seconds(customers=1, behind_seconds=5000, since_flush_seconds=0) == 2.0


def test_so_many_that_memory_counts_go_at_once() -> None:
    assert RULE.wait_seconds(customers=1000, behind_seconds=5000, since_flush_seconds=0) == 0


@given(
    customers=st.integers(1, 2000),
    behind=st.floats(0, 1e9),
    since=st.floats(0, 1e9),
)
def test_no_wait_is_negative_or_longer_than_the_bound(
    customers: int, behind: float, since: float
) -> None:
    wait = RULE.wait_seconds(customers=customers, behind_seconds=behind, since_flush_seconds=since)
    assert 0 <= wait <= RULE.most_seconds
