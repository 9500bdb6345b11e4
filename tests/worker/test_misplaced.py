"""A worker stops before a wrong producer drains a topic into the dead letters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stream_app.errors import ConfigurationError
from stream_app.worker.agent import MISPLACED_WINDOW, Misplaced
from tests.worker.records import bought, folded, partition, spoilt

SLICE = MISPLACED_WINDOW // 10
ONE = folded(partition(), bought(0))


def feed(judge: Misplaced, slices: int, misplaced: int, records: int = SLICE) -> None:
    """So many slices, each with so many misplaced records."""
    for _ in range(slices):
        judge.count(replace(ONE, records=records, misplaced=misplaced))


def test_a_few_records_prove_nothing_however_wrong() -> None:
    feed(Misplaced(0.5), 9, SLICE)


def test_more_than_the_share_of_a_window_stops_the_worker_with_a_sentence() -> None:
    judge = Misplaced(0.5)
    feed(judge, 9, SLICE // 2 + 1)
    with pytest.raises(ConfigurationError) as raised:
        feed(judge, 1, SLICE // 2 + 1)
    assert raised.value.exit_code == 78
    assert str(raised.value).startswith(
        "5010 of the last 10000 records are refused for wrong_partition or key_mismatch:"
    )


def test_exactly_the_share_goes_on() -> None:
    feed(Misplaced(0.5), 100, SLICE // 2)


def test_what_is_long_past_does_not_count() -> None:
    judge = Misplaced(0.5)
    feed(judge, 5, SLICE)
    feed(judge, 20, 0)
    feed(judge, 5, SLICE)
    with pytest.raises(ConfigurationError):
        feed(judge, 1, SLICE)


def test_a_good_past_does_not_hide_what_goes_wrong_now() -> None:
    judge = Misplaced(0.5)
    feed(judge, 1_000, 0)
    feed(judge, 5, SLICE)
    with pytest.raises(ConfigurationError, match=r"^6000 of the last 10000"):
        feed(judge, 1, SLICE)


def test_a_slice_larger_than_the_window_is_judged_by_itself() -> None:
    judge = Misplaced(0.5)
    feed(judge, 3, 0, records=5 * MISPLACED_WINDOW)
    with pytest.raises(ConfigurationError):
        feed(judge, 1, 3 * MISPLACED_WINDOW, records=5 * MISPLACED_WINDOW)


@pytest.mark.parametrize(("limit", "stops"), [(0.0, True), (1.0, False)])
def test_the_limit_may_be_nothing_or_everything(limit: float, stops: bool) -> None:
    judge = Misplaced(limit)
    feed(judge, 9, 0)
    if stops:
        with pytest.raises(ConfigurationError):
            feed(judge, 1, 1)
    else:
        feed(judge, 100, SLICE)


def test_other_refusals_are_no_sign_of_a_wrong_producer() -> None:
    assert folded(partition(), spoilt(0), spoilt(1, value=None)).misplaced == 0
