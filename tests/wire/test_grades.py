"""Grades through JSON and back; what is no grade of ours is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.days import LAST_DAY
from stream_app.core.models.prequential import BINS, Prequential
from stream_app.wire.grades import PartitionGrades, decode, encode

COUNTS = st.integers(0, 2**53 - 1)
SUMS = st.floats(0, allow_nan=False, allow_infinity=False)
MONEY = st.floats(allow_nan=False, allow_infinity=False)
GRADES = st.builds(
    Prequential,
    forecasts=COUNTS, bought=COUNTS, expected=SUMS, log_loss_sum=SUMS, brier_sum=SUMS,
    bin_forecasts=st.tuples(*[COUNTS] * BINS), bin_bought=st.tuples(*[COUNTS] * BINS),
    bin_expected=st.tuples(*[SUMS] * BINS), recent_forecasts=COUNTS, recent_bought=COUNTS,
    recent_expected=SUMS, recent_variance=SUMS, spends=COUNTS, spend_expected=MONEY,
    spend_actual=MONEY, spend_error_sum=SUMS, gap_sum=SUMS,
)  # fmt: skip


def changed(today: Any = 20_000, **sums: Any) -> bytes:
    whole = json.loads(encode(PartitionGrades(20_000, {"m": Prequential(forecasts=3)})))
    whole["today"] = today
    whole["models"]["m"] |= sums
    return json.dumps(whole).encode()


@given(st.integers(-1, LAST_DAY), st.dictionaries(st.text(), GRADES, max_size=3))
def test_what_is_written_reads_back_to_the_last_bit(
    today: int, models: dict[str, Prequential]
) -> None:
    grades = PartitionGrades(today, models)
    assert decode(encode(grades)) == grades


def test_a_newer_worker_may_say_more_and_an_older_one_less() -> None:
    more = changed(crps=0.5)
    assert decode(more) == PartitionGrades(20_000, {"m": Prequential(forecasts=3)})
    less = b'{"today":20000,"by":"1.0","models":{"m":{"forecasts":3}}}'
    assert decode(less) == decode(more)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\xff",
        b"{",
        b"[]",
        b"{}",
        b'{"today":20000}',
        b'{"today":20000,"models":{"m":3}}',
        b"[" * 100_000,
        changed(today="20000"),
        changed(today=LAST_DAY + 1),
        changed(today=-2),
        changed(forecasts=-1),
        changed(forecasts=10**30),
        changed(forecasts=1.5),
        changed(bin_bought=[1, 2]),
        changed(bin_expected=[0.0] * 11),
        changed(bin_forecasts=[-1] * 10),
        changed(expected=None),
        changed(recent_variance=-0.5),
        changed(expected=float("inf")),
    ],
)
def test_bytes_that_are_no_grades_are_none(value: bytes | None) -> None:
    assert decode(value) is None
