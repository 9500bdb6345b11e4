"""Slices reach the changelog whole and in order, after their letters, and are acknowledged so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from stream_app.errors import ChangelogFault, Fault
from stream_app.wire.changelog import WATERMARK_KEY, decode_value, decode_watermark
from stream_app.wire.state import encode
from tests.worker.appending import EPOCH, IN_FLIGHT, Rig
from tests.worker.records import TOPIC

# -- in order ----------------------------------------------------------------------------------


async def test_a_slice_is_one_batch_of_customers_and_the_watermark_last(rig: Rig) -> None:
    rig.changelog.hold = True
    rig.put("a", "b")
    await rig.on_the_way(1)
    (batch,) = rig.changelog.on_the_way
    assert [key for key, _ in batch.entries] == [b"a", b"b", WATERMARK_KEY]
    decoded = [decode_value(value) for _, value in batch.entries]
    assert {epoch for epoch, _ in decoded} == {EPOCH}
    assert decoded[0][1] == encode(rig.partition.customers[b"a"])
    assert decode_watermark(decoded[-1][1]) == rig.partition.watermark


async def test_the_batch_holds_what_the_slice_ended_with_not_what_later_ones_did(rig: Rig) -> None:
    rig.changelog.hold = True
    rig.put("a")
    first = rig.partition.watermark
    rig.put("a")
    await rig.on_the_way(2)
    bodies = [
        [decode_value(value)[1] for _, value in each.entries] for each in rig.changelog.on_the_way
    ]
    assert bodies[0][0] != bodies[1][0]
    assert decode_watermark(bodies[0][1]) == first


async def test_slices_are_appended_and_acknowledged_in_the_order_handed_in(rig: Rig) -> None:
    for number in range(6):
        rig.put(f"c-{number}")
    await rig.quiet()
    assert rig.events == [f"slice {number} done" for number in range(6)]
    assert rig.written()[::2] == [b"c-%d" % number for number in range(6)]
    assert rig.partition.next_offset == rig.changelog.log().end


async def test_an_acknowledgement_that_comes_early_waits_for_those_before_it(rig: Rig) -> None:
    rig.changelog.hold = True
    rig.put("a")
    rig.put("b")
    await rig.on_the_way(2)
    first, second = rig.changelog.on_the_way
    rig.changelog.land(first)
    rig.changelog.land(second)
    rig.changelog.acknowledge(second)
    await asyncio.sleep(0.01)
    assert rig.events == []
    assert rig.partition.acknowledged == {}
    rig.changelog.acknowledge(first)
    await rig.quiet()
    assert rig.events == ["slice 0 done", "slice 1 done"]


async def test_letters_are_acknowledged_before_their_slice_is_appended(rig: Rig) -> None:
    rig.letters_go.clear()
    rig.put("a", refused=2)
    rig.put("b")
    await rig.until(lambda: bool(rig.events))
    await asyncio.sleep(0.01)
    assert rig.events == ["letters [1, 2] leave"]
    assert rig.written() == []
    rig.letters_go.set()
    await rig.quiet()
    assert rig.events == [
        "letters [1, 2] leave", "letters acknowledged", "slice 0 done", "slice 1 done"
    ]  # fmt: skip


async def test_letters_that_fail_end_the_worker_with_nothing_appended(rig: Rig) -> None:
    async def refuse(letters: Sequence[Any]) -> None:
        raise Fault("no letters today")

    rig.appender._send_letters = refuse
    rig.put("a", refused=1)
    assert isinstance(await rig.fault(), Fault)
    assert rig.written() == []


async def test_memory_runs_ahead_by_so_many_slices_only(rig: Rig) -> None:
    rig.changelog.hold = True
    for _ in range(IN_FLIGHT):
        await asyncio.wait_for(rig.appender.ready(), 1)
        rig.put("a")
    fourth = asyncio.create_task(rig.appender.ready())
    await rig.on_the_way(IN_FLIGHT)
    assert not fourth.done()
    oldest = rig.changelog.on_the_way[0]
    rig.changelog.land(oldest)
    rig.changelog.acknowledge(oldest)
    await asyncio.wait_for(fourth, 1)
    assert rig.appender.pending == IN_FLIGHT - 1


# -- what may be published ---------------------------------------------------------------------


async def test_only_acknowledged_versions_are_dirty_with_the_offset_of_their_record(
    rig: Rig,
) -> None:
    """Three slices in flight touch the same customers; each acknowledgement brings one version."""
    part, log = rig.partition, rig.changelog
    log.hold = True
    first, second, third = rig.put("a", "b"), rig.put("a"), rig.put("b", "a")
    await rig.on_the_way(3)
    assert part.unacknowledged == {b"a": 3, b"b": 2}
    assert part.dirty == {}
    for batch in list(log.on_the_way):
        log.land(batch)

    log.acknowledge(log.on_the_way[0])
    await rig.until(lambda: rig.appender.pending == 2)
    assert part.dirty[b"a"] is first[b"a"]
    assert part.dirty[b"b"] is first[b"b"]
    assert (first[b"a"].pos, first[b"b"].pos) == (6, 7)
    assert part.unacknowledged == {b"a": 2, b"b": 1}
    assert part.changed.is_set()
    assert part.acknowledged == {TOPIC: 2}

    part.dirty = {}  # the publisher takes what there is
    log.acknowledge(log.on_the_way[0])
    await rig.until(lambda: rig.appender.pending == 1)
    assert list(part.dirty) == [b"a"]
    assert part.dirty[b"a"] is second[b"a"]
    assert second[b"a"].pos == 9
    assert part.unacknowledged == {b"a": 1, b"b": 1}

    log.acknowledge(log.on_the_way[0])
    await rig.quiet()
    assert part.dirty == third
    assert (third[b"b"].pos, third[b"a"].pos) == (11, 12)
    assert part.unacknowledged == {}
    assert (part.acknowledged, part.next_offset) == ({TOPIC: 5}, 14)


async def test_the_latest_instant_is_that_of_the_acknowledged_state(rig: Rig) -> None:
    rig.changelog.hold = True
    rig.put("a")
    await rig.on_the_way(1)
    assert rig.partition.watermark.max_at_us > 0 == rig.partition.max_at_us
    (batch,) = rig.changelog.on_the_way
    rig.changelog.land(batch)
    rig.changelog.acknowledge(batch)
    await rig.quiet()
    assert rig.partition.max_at_us == rig.partition.watermark.max_at_us


async def test_each_slice_waits_to_be_seen_in_redis_with_its_age(rig: Rig) -> None:
    rig.put("a", refused=1)
    await rig.quiet()
    (waiting,) = rig.partition.waiting
    assert (waiting.end_offset, waiting.events) == (rig.partition.next_offset, 2)
    assert waiting.oldest_timestamp_ms > 0


async def test_what_acknowledged_slices_changed_is_kept_as_counted_and_as_it_is(rig: Rig) -> None:
    rig.put("a", "b")
    await rig.quiet()
    assert rig.partition.net_minor == rig.partition.watermark.net_minor > 0
    before, after = rig.partition.uncounted.take()
    assert before == [None, None]
    counted = rig.partition.customers[b"a"]
    assert after[0] is counted
    rig.put("a")
    rig.put("a")
    await rig.on_the_way(0)
    await rig.quiet()
    before, after = rig.partition.uncounted.take()
    assert before[0] is counted
    assert [one.orders for one in after] == [3]
    assert rig.partition.uncounted.take() == ([], [])


async def test_what_is_not_acknowledged_is_not_to_be_counted(rig: Rig) -> None:
    rig.changelog.hold = True
    rig.put("a")
    await rig.on_the_way(1)
    assert rig.partition.uncounted.take() == ([], [])


# -- faults ------------------------------------------------------------------------------------


@pytest.mark.parametrize("landed", [False, True])
async def test_a_failed_append_ends_the_worker_and_nothing_of_it_counts(
    rig: Rig, landed: bool
) -> None:
    rig.changelog.hold = True
    rig.put("a")
    rig.put("b")
    await rig.on_the_way(2)
    first, second = rig.changelog.on_the_way
    if landed:
        rig.changelog.land(first)
    rig.changelog.fail(first, MessageSizeTooLargeError("too large"))
    assert isinstance(await rig.fault(), ChangelogFault)
    rig.changelog.land(second)
    rig.changelog.acknowledge(second)
    await asyncio.sleep(0.01)
    assert rig.events == []
    assert (rig.partition.dirty, rig.partition.acknowledged) == ({}, {})


async def test_an_append_that_the_broker_calls_a_duplicate_is_of_unknown_outcome(rig: Rig) -> None:
    rig.changelog.hold = True
    rig.put("a")
    await rig.on_the_way(1)
    rig.changelog.acknowledge(rig.changelog.on_the_way[0])  # never landed: offset -1
    reason = await rig.fault()
    assert isinstance(reason, ChangelogFault)
    assert "unknown outcome" in str(reason)
    assert rig.events == []


async def test_a_batch_that_the_producer_will_not_take_ends_the_worker(rig: Rig) -> None:
    async def refuse(number: int, entries: Any) -> Any:
        raise KafkaError("closed")

    rig.changelog.append = refuse  # type: ignore[method-assign]
    rig.put("a")
    assert isinstance(await rig.fault(), KafkaError)


async def test_a_log_that_lost_what_was_acknowledged_ends_the_worker(rig: Rig) -> None:
    """An unclean election: the log is shorter than it was, and the next append tells."""
    rig.put("a")
    await rig.quiet()
    log = rig.changelog.log()
    log.records, log.end = log.records[:-2], log.end - 2
    rig.put("b")
    reason = await rig.fault()
    assert isinstance(reason, ChangelogFault)
    assert "landed at offset 6, but 8 had been acknowledged" in str(reason)
    assert rig.events == ["slice 0 done"]
