"""What a worker that lost its partition still wrote is found and written over, or I am deposed."""

from __future__ import annotations

import asyncio

import pytest

from stream_app.errors import Deposed
from stream_app.wire.changelog import WATERMARK_KEY, encode_value, encode_watermark
from stream_app.wire.state import encode
from stream_app.worker.appender import REPAIR_BYTES
from tests.worker.appending import EPOCH, IN_FLIGHT, Rig
from tests.worker.records import daily, partition


async def test_a_foreign_write_is_written_over_with_my_version(rig: Rig) -> None:
    rig.put("a", "b")
    await rig.quiet()
    rig.foreign(b"a", b"stranger", WATERMARK_KEY)
    rig.put("b")
    await rig.quiet()
    assert rig.written(EPOCH + 1 + 3 + 3) == [
        b"b", WATERMARK_KEY, b"a", b"stranger", WATERMARK_KEY
    ]  # fmt: skip
    assert rig.state_of(b"a") == encode(rig.partition.customers[b"a"])
    assert rig.state_of(b"stranger") == b""
    assert rig.partition.customers.keys() == {b"a", b"b"}
    assert rig.partition.dirty[b"a"].pos == 14
    assert rig.partition.unacknowledged == {}
    assert rig.partition.next_offset == rig.changelog.log().end
    assert rig.metrics.value("ltv_foreign_writes_total") == 3
    found = rig.rebuilt()
    assert found.customers == rig.partition.customers
    assert found.watermark == rig.partition.watermark


async def test_a_foreign_write_between_two_slices_in_flight_is_repaired_with_the_newest(
    rig: Rig,
) -> None:
    rig.changelog.hold = True
    rig.put("a")
    rig.put("a")
    await rig.on_the_way(2)
    first, second = rig.changelog.on_the_way
    rig.changelog.land(first)
    rig.foreign(b"a")
    rig.changelog.land(second)
    rig.changelog.hold = False
    rig.changelog.acknowledge(first)
    rig.changelog.acknowledge(second)
    await rig.quiet()
    assert rig.written() == [b"a", WATERMARK_KEY, b"a", b"a", WATERMARK_KEY, b"a", WATERMARK_KEY]
    assert rig.events == ["slice 0 done", "slice 1 done"]
    assert rig.state_of(b"a") == encode(rig.partition.customers[b"a"])
    assert rig.rebuilt().customers == rig.partition.customers


async def test_a_repair_takes_no_place_of_a_slice(rig: Rig) -> None:
    for _ in range(5):
        rig.foreign(b"x")
        await asyncio.wait_for(rig.appender.ready(), 1)
        rig.put("a")
        await rig.quiet()
    assert rig.appender._slots._value == IN_FLIGHT


async def test_a_claim_among_foreign_records_deposes_me_before_anything_counts(rig: Rig) -> None:
    rig.foreign(b"a", claim=True)
    rig.put("b")
    assert isinstance(await rig.fault(), Deposed)
    await asyncio.sleep(0.01)
    assert rig.events == []
    assert (rig.partition.dirty, rig.partition.acknowledged) == ({}, {})
    assert rig.written()[-2:] == [b"b", WATERMARK_KEY]


async def test_an_idle_partition_mends_what_was_written_meanwhile(rig: Rig) -> None:
    rig.put("a")
    await rig.quiet()
    rig.foreign(b"a", b"stranger")
    await rig.appender.mend(rig.changelog.log().end)
    await rig.quiet()
    assert rig.written(EPOCH + 1 + 2 + 2) == [b"a", b"stranger", WATERMARK_KEY]
    assert rig.rebuilt().customers == rig.partition.customers
    assert rig.partition.next_offset == rig.changelog.log().end


async def test_an_idle_partition_finds_that_it_was_claimed(rig: Rig) -> None:
    rig.foreign(claim=True)
    with pytest.raises(Deposed, match="another worker has claimed partition 0"):
        await rig.appender.mend(rig.changelog.log().end)


async def test_a_slice_that_comes_while_an_idle_partition_is_mended_is_not_lost(rig: Rig) -> None:
    rig.put("a")
    await rig.quiet()
    rig.foreign(b"a", WATERMARK_KEY)
    mending = asyncio.create_task(rig.appender.mend(rig.changelog.log().end))
    rig.put("b")
    await mending
    await rig.quiet()
    assert rig.events == ["slice 0 done", "slice 1 done"]
    assert rig.rebuilt().customers == rig.partition.customers
    assert rig.rebuilt().watermark == rig.partition.watermark
    assert rig.partition.next_offset == rig.changelog.log().end


async def test_a_watermark_of_a_zombie_alone_is_written_over(rig: Rig) -> None:
    rig.put("a")
    await rig.quiet()
    zombie = partition().watermark
    rig.changelog.log().append((WATERMARK_KEY, encode_value(EPOCH - 1, encode_watermark(zombie))))
    rig.put("b")
    await rig.quiet()
    assert rig.written()[-3:] == [b"b", WATERMARK_KEY, WATERMARK_KEY]
    assert rig.rebuilt().watermark == rig.partition.watermark


async def test_a_large_repair_goes_in_batches_each_with_the_watermark(rig: Rig) -> None:
    rig.put("b")
    await rig.quiet()
    one, keys = daily(7_000), [b"c-%02d" % number for number in range(20)]
    rig.partition.customers |= {key: one.copy() for key in keys}
    start = rig.changelog.log().end
    rig.changelog.hold = True
    rig.appender.repair(keys)
    await rig.until(lambda: len(rig.changelog.on_the_way) > 1)
    batches = list(rig.changelog.on_the_way)
    assert all(batch.entries[-1][0] == WATERMARK_KEY for batch in batches)
    assert [key for batch in batches for key, _ in batch.entries[:-1]] == keys
    for batch in batches:
        assert sum(len(key) + len(value) for key, value in batch.entries) < REPAIR_BYTES + 10_000
        rig.changelog.land(batch)
        rig.changelog.acknowledge(batch)
    await rig.quiet()
    assert rig.partition.unacknowledged == {}
    assert rig.partition.next_offset == rig.changelog.log().end == start + len(keys) + len(batches)
