"""How a partition is doing, as its owner says it."""

from __future__ import annotations

import pytest

from stream_app.wire.status import Status, decode_status
from stream_app.worker.status import Reporter
from tests.stores.worker import Clock, Rig
from tests.worker.records import bought, folded, partition


class Told:
    """A reporter of one partition whose words are kept instead of published."""

    def __init__(self) -> None:
        self.partition = partition()
        self.clock = Clock()
        self.publisher = Rig("redis://127.0.0.1:1/0").publisher
        self.held = {0: self.partition}
        self.reporter = Reporter(
            lambda: self.held, lambda _: {"purchases": 7}, self.publisher, self.clock
        )

    def status(self) -> Status:
        self.reporter.report()
        (value,) = self.publisher.said(0).values()
        found = decode_status(value)
        assert found is not None
        return found


async def test_a_status_counts_what_became_of_the_records() -> None:
    told = Told()
    folded(told.partition, bought(0), bought(1), bought(1))
    found = told.status()
    (counts,) = found.events.values()
    assert (counts.applied, counts.duplicate, counts.refused) == (2, 1, 0)
    assert (found.customers, found.lag, found.late_seconds) == (1, {"purchases": 7}, None)
    assert found.at == told.clock.now


async def test_the_rate_is_that_of_the_last_seconds() -> None:
    told = Told()
    assert told.status().events_per_second == 0
    folded(told.partition, *(bought(number) for number in range(20)))
    told.clock.now += 2
    assert told.status().events_per_second == 10
    for _ in range(6):
        told.clock.now += 2
        found = told.status()
    assert found.events_per_second == 0


async def test_a_partition_that_was_given_up_is_not_spoken_of() -> None:
    told = Told()
    told.status()
    told.publisher.drop(0)
    told.held.clear()
    told.reporter.report()
    assert told.publisher.said(0) == {}


@pytest.mark.parametrize("bad", [b"", b"{}", b"nonsense", b'{"version":2}'])
def test_bytes_that_say_nothing_are_none(bad: bytes) -> None:
    assert decode_status(bad) is None
