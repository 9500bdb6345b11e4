"""Positions: nothing offered for commit is ahead of the acknowledged state, nothing is skipped."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from stream_app.settings import Settings
from stream_app.worker import transport
from tests.worker.memory_log import MemoryLogs
from tests.worker.memory_worker import MemoryWorker
from tests.worker.records import bought, record, settings

pytestmark = pytest.mark.fault("F25")

SMALL = {"PARTITIONS": "1", "SLICE_RECORDS": "2"}
PURCHASES = TP("purchases", 0)
SIGNUPS = TP("signups", 0)


def filled(gaps: list[int], tail: int = 0) -> tuple[Settings, MemoryLogs]:
    """Purchases of three customers and as many signups, with gaps between them and at the end."""
    logs = MemoryLogs()
    offset = 0
    for gap in gaps:
        offset += gap
        logs.of("purchases").put(bought(offset, f"c-{offset % 3}"))
        logs.of("signups").put(record(offset, f"c-{offset % 3}", topic="signups", type="signup"))
        offset += 1
    for topic in ("purchases", "signups"):
        logs.of(topic).end += tail
    return settings(**SMALL), logs


def assert_never_ahead(worker: MemoryWorker) -> None:
    """Between the acknowledged state and the offset offered lies no record."""
    for tp in worker.tps:
        offered = worker.consumer._new_offset(tp)
        if offered is not None:
            confirmed = worker.confirmed(tp)
            log = worker.logs.of(*tp).records
            assert not [one.offset for one in log if confirmed <= one.offset < offered]


def assert_whole(worker: MemoryWorker) -> None:
    """Every record was folded once, and all of the log may be committed."""
    held = worker.partitions.held[0]
    for tp in (PURCHASES, SIGNUPS):
        source = held.watermark.sources[tp.topic]
        log = worker.logs.of(*tp)
        assert (source.applied, source.duplicate, source.refused) == (len(log.records), 0, 0)
        assert worker.consumer._new_offset(tp) == log.end
    orders = Counter(each.key for each in worker.logs.of("purchases").records)
    assert {key: one.orders for key, one in held.customers.items()} == orders


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ("fetch", "fetch", "fetch", "take", "take", "land", "land", "acknowledge", "ack any",
             "rebalance", "generation", "slow", "quick", "crash", "more")
        ),
        st.integers(0, 7),
    ),
    max_size=60,
)  # fmt: skip


async def play(gaps: list[int], tail: int, steps: list[tuple[str, int]]) -> None:
    own, logs = filled(gaps, tail)
    worker = MemoryWorker(own, logs)
    await worker.rebalance()
    for step, number in steps:
        if step == "crash":
            await worker.stop()
            worker = MemoryWorker(own, logs)
            await worker.rebalance()
        elif step == "generation":
            worker.app.consumer_generation_id += 1
        elif step in ("slow", "quick"):
            (worker.thread.may_answer.set if step == "quick" else worker.thread.may_answer.clear)()
        elif step == "more":
            worker.thread.most = number + 1
        elif step == "ack any":
            await worker.acknowledge(number)
        else:
            act: Callable[[], Awaitable[None]] = getattr(worker, step)
            await act()
        await worker.settle()
        assert_never_ahead(worker)
    await worker.drain()
    assert_never_ahead(worker)
    assert_whole(worker)
    await worker.stop()


@examples(max_examples=100)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), st.integers(0, 2), STEPS)
def test_whatever_is_dropped_and_in_whatever_order_acknowledged_no_commit_passes_a_slice(
    gaps: list[int], tail: int, steps: list[tuple[str, int]]
) -> None:
    asyncio.run(play(gaps, tail, steps))


async def started(gaps: list[int], tail: int = 0) -> MemoryWorker:
    worker = MemoryWorker(*filled(gaps, tail))
    await worker.rebalance()
    return worker


async def test_the_end_seen_before_a_rebalance_does_not_count_after_it() -> None:
    """Everything had been handed on then, and what waited for the agent was forgotten."""
    worker = await started([0] * 4)
    worker.thread.most = 100
    for _ in range(8):
        await worker.fetch()
    assert worker.consumer.idle_position("purchases", 0) == 4
    await worker.rebalance()
    assert_never_ahead(worker)
    await worker.drain()
    assert_whole(worker)
    await worker.stop()


async def test_a_late_empty_answer_does_not_pass_for_the_end_after_a_rebalance() -> None:
    """The fetch was asked before the rebalance and answers before the consumer is sought back."""
    worker = await started([0] * 4)
    worker.thread.most = 100
    while worker.thread.at[PURCHASES] < 4 or worker.generator is not None:
        await worker.fetch()
    worker.thread.may_answer.clear()
    await worker.fetch()  # asks once more, and waits
    ends = worker.thread.at.copy()
    worker.queue.clear()
    worker.consumer.stop_flow()

    seek_all = worker.thread.seek_all

    async def slow_seek(positions: dict[TP, int]) -> None:
        worker.thread.may_answer.set()
        await worker.settle()
        await seek_all(positions)

    worker.thread.seek_all = slow_seek  # type: ignore[method-assign,assignment]
    await worker.consumer.perform_seek()
    worker.consumer.resume_flow()
    await worker.fetch()
    assert ends[PURCHASES] == 4
    assert_never_ahead(worker)
    await worker.drain()
    assert_whole(worker)
    await worker.stop()


async def test_what_waited_for_the_backlog_over_a_rebalance_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A slice held back while too much waits must not go on as if it followed the new position."""
    monkeypatch.setattr(transport, "BACKLOG_BYTES", 1)
    worker = await started([0] * 8)
    worker.thread.most = 100
    await worker.fetch()
    await worker.fetch()  # held back
    assert worker.fetching is not None
    # The rebalance is over before the one held back looks up again.
    worker.queue.clear()
    await worker.consumer.perform_seek()
    await asyncio.sleep(0.05)
    await worker.fetch()
    await worker.drain()
    assert_whole(worker)
    await worker.stop()


async def test_a_slice_that_the_state_holds_already_is_acknowledged_to_faust() -> None:
    """Else Faust would wait for it at the next rebalance, and the worker would end."""
    worker = await started([0] * 4)
    await worker.drain()
    acked = len(worker.taken)
    worker.consumer._chain = dict.fromkeys(worker.tps, 0)
    await worker.thread.seek_all(dict.fromkeys(worker.tps, 0))
    await worker.drain()
    assert len(worker.taken) > acked
    assert all(event.acked for event in worker.taken)
    assert_whole(worker)
    await worker.stop()


async def test_the_tail_without_records_may_be_committed_once_all_before_it_is_durable() -> None:
    """Control records and compaction leave offsets that nobody will ever hand on."""
    worker = await started([0, 2, 0], tail=3)
    worker.thread.most = 100
    await worker.fetch()
    assert worker.consumer._new_offset(PURCHASES) == 0
    await worker.drain()
    assert worker.logs.of("purchases").end == 8
    assert worker.consumer._new_offset(PURCHASES) == 8
    await worker.stop()
