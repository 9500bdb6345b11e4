"""The generator is seeded, and its poison is refused for exactly the reason it was made for."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.core.naive_decoder import reason_of
from tests.generate import Shape, generate
from tests.ledger import Ledger
from tests.poison import POISONS


def filled(shape: Shape, partitions: int = 8) -> Ledger:
    """A ledger of the whole log, as a producer would have filled it."""
    ledger = Ledger(partitions=partitions)
    offsets: Counter[tuple[str, int]] = Counter()
    for raw in generate(shape):
        partition = ledger.partition_for(raw)
        ledger.add(raw, partition, offsets[raw.role, partition])
        offsets[raw.role, partition] += 1
    return ledger


def test_the_same_shape_gives_the_same_log() -> None:
    shape = Shape(seed=5, records=500, duplicates=0.1, late=0.1, zipf=1.1, poison={"bad_id": 0.1})
    assert list(generate(shape)) == list(generate(shape))


@pytest.mark.parametrize("reason", POISONS)
def test_poison_is_refused_for_its_reason(reason: str) -> None:
    ledger = Ledger(partitions=8)
    for raw in generate(Shape(seed=7, records=100, poison={reason: 1.0})):
        placed = raw._replace(partition=ledger.partition_for(raw))
        assert reason_of(placed, partitions=8) == reason


def test_a_clean_log_has_no_refusals_and_no_duplicates() -> None:
    ledger = filled(
        Shape(
            seed=8, records=2_000, foreign=0.2, late=0.3, cancellations=0.2, shuffle=True, zipf=1.0
        )
    )
    assert ledger.dead_letters() == {}
    assert sum(counts.duplicate for counts in ledger.outcomes().values()) == 0


def test_applied_duplicate_and_refused_add_up_in_every_partition() -> None:
    poison = {reason: 0.003 for reason in POISONS if reason != "too_large"}
    ledger = filled(Shape(seed=9, records=2_000, duplicates=0.1, poison=poison))
    read = Counter((place.role, place.partition) for place in ledger.records)
    assert {place: sum(counts) for place, counts in ledger.outcomes().items()} == dict(read)


def test_a_shuffled_log_without_double_contents_has_the_same_customers() -> None:
    shape = Shape(seed=10, records=2_000, foreign=0.2, duplicates=0.1, cancellations=0.1)
    shuffled = Shape(**{**shape.__dict__, "shuffle": True})
    assert filled(shape).customers() == filled(shuffled).customers()
