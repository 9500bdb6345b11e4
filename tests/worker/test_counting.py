"""Cohort totals follow what is acknowledged, and hold the money of all accepted events."""

from __future__ import annotations

import asyncio
import time

from stream_app.core.cohorts.totals import Totals
from stream_app.core.customer import Customer
from stream_app.stores.keys import COHORTS
from stream_app.wire.cohorts import Meta, decode, encode
from stream_app.worker.counting import HEARTBEAT_SECONDS, SHOWN_SECONDS, Counting
from stream_app.worker.partition import Partition
from tests.rig.waiting import eventually
from tests.stores.worker import Clock
from tests.stores.worker import Rig as PublisherRig
from tests.worker.appending import Rig
from tests.worker.records import settings

BLOCKED_SECONDS = 0.6
"""Twenty times as long, as the pause after a slow round, is more than the test waits."""


class Counter:
    """The counting of one partition, whose words are kept instead of published."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.held: dict[int, Partition] = {0: rig.partition}
        self.publisher = PublisherRig("redis://127.0.0.1:1/0").publisher
        self.clock = Clock()
        self.counting = Counting(
            settings(), lambda: self.held, self.publisher, rig.metrics, self.clock
        )

    async def said(self) -> bytes:
        """What is said after one more round."""
        await self.counting.round()
        return self.publisher.said(0).get(COHORTS, b"")

    def imbalance(self) -> float:
        return self.rig.metrics.value("ltv_cohort_imbalance_minor")


def of(customers: list[Customer], like: bytes) -> bytes:
    """What counting these customers from nothing says, with the meta of another saying."""
    totals = Totals()
    totals.add(customers)
    meta: Meta = decode(like, "signup")[0]
    return encode(totals, meta)


def everybody(rig: Rig) -> list[Customer]:
    return list(rig.partition.customers.values())


async def test_totals_are_those_of_all_acknowledged_customers(rig: Rig) -> None:
    counter = Counter(rig)
    for customers in (("a", "b"), ("a",), ("c", "a", "a"), ("b",)):
        rig.put(*customers)
        await rig.quiet()
        said = await counter.said()
        assert said == of(everybody(rig), said)
        assert counter.imbalance() == 0
    assert decode(said, "first-purchase")[1].net_minor == rig.partition.net_minor > 0


async def test_what_is_in_flight_is_not_counted(rig: Rig) -> None:
    counter = Counter(rig)
    rig.put("a")
    await rig.quiet()
    before = everybody(rig)
    rig.changelog.hold = True
    rig.put("a", "b")
    await rig.on_the_way(1)
    said = await counter.said()
    assert said == of(before, said)
    assert counter.imbalance() == 0
    (batch,) = rig.changelog.on_the_way
    rig.changelog.land(batch)
    rig.changelog.acknowledge(batch)
    await rig.quiet()
    assert await counter.said() != said
    assert counter.imbalance() == 0


async def test_a_partition_that_was_recovered_is_counted_whole_whatever_happens_meanwhile(
    rig: Rig,
) -> None:
    rig.put("a", "b", "b")
    await rig.quiet()
    partition = rig.partition
    partition.recovered, partition.uncounted.before = everybody(rig), {}
    partition.uncounted.after = {}
    counter = Counter(rig)
    rig.put("b", "new")
    await rig.quiet()
    said = await counter.said()
    assert said == of(everybody(rig), said)
    assert partition.recovered == []
    assert counter.imbalance() == 0


async def test_while_nothing_changes_it_is_said_again_now_and_then_as_a_sign_of_life(
    rig: Rig,
) -> None:
    counter = Counter(rig)
    rig.put("a")
    await rig.quiet()
    first = await counter.said()
    assert await counter.said() is first
    counter.clock.now += HEARTBEAT_SECONDS
    again = decode(await counter.said(), "signup")[0]
    assert again.published_at == decode(first, "signup")[0].published_at + HEARTBEAT_SECONDS


async def test_a_partition_taken_anew_is_counted_from_nothing(rig: Rig) -> None:
    counter = Counter(rig)
    rig.put("a", "b")
    await rig.quiet()
    await counter.said()
    held = rig.partition
    again = Partition(
        0, held.epoch + 9, held.watermark, held.next_offset + 9, {}, dict(held.customers)
    )
    again.recovered, again.net_minor = everybody(rig), held.net_minor
    counter.held[0] = again
    said = await counter.said()
    assert said == of(everybody(rig), said)
    assert counter.imbalance() == 0


async def test_money_that_cells_lack_is_shown(rig: Rig) -> None:
    counter = Counter(rig)
    rig.put("a")
    await rig.quiet()
    rig.partition.uncounted.take()  # as a fault of ours might
    await counter.said()
    assert counter.imbalance() == -rig.partition.net_minor


async def test_prometheus_is_told_of_cohorts_now_and_then_and_of_no_partition_given_up(
    rig: Rig,
) -> None:
    counter, metrics = Counter(rig), rig.metrics
    rig.put("a", "a", "b")
    await rig.quiet()
    await counter.said()
    assert metrics.value("ltv_cohort_customers", "2023-05") == 2
    assert metrics.value("ltv_cohort_revenue_minor", "2023-05", "USD") == 3000
    rig.put("c")
    await rig.quiet()
    await counter.said()
    assert metrics.value("ltv_cohort_customers", "2023-05") == 2
    counter.clock.now += SHOWN_SECONDS
    await counter.said()
    assert metrics.value("ltv_cohort_customers", "2023-05") == 3
    counter.held.clear()
    await counter.counting.round()
    assert "2023-05" not in metrics.text().decode()


async def test_a_loop_that_others_block_does_not_make_it_wait(rig: Rig) -> None:
    """A slow round of ours is followed by a long pause; one that others made slow is not."""
    counter = Counter(rig)
    rig.put("a")
    await rig.quiet()
    counting = asyncio.create_task(counter.counting.run())
    try:
        for _ in range(5):  # while it counts in pieces
            await asyncio.sleep(0)
            time.sleep(BLOCKED_SECONDS)  # noqa: ASYNC251 -- that is the fault
        first = counter.publisher.said(0)[COHORTS]
        rig.put("b")
        await rig.quiet()
        await eventually(
            lambda: counter.publisher.said(0)[COHORTS] != first,
            "what changed is said",
            5 * BLOCKED_SECONDS,
        )
    finally:
        counting.cancel()
