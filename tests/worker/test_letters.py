"""Dead letters go in batches that a broker takes; none is left out."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from hypothesis import given
from hypothesis import strategies as st

from stream_app.errors import Fault
from stream_app.wire.record import Record
from stream_app.wire.refusal import MAX_DETAIL, Reason, Refusal
from stream_app.worker.letters import BATCH_BYTES, Letter, Letters, parts

REFUSAL = Refusal(Reason.NOT_JSON, "x" * MAX_DETAIL)
LONGEST_TOPIC = "t" * 249


def letter(offset: int, value: int = 10, headers: int = 0) -> Letter:
    """A refused record with so many bytes of value and of a header of its own."""
    own = (("trace", b"h" * headers),) if headers else ()
    return Record(LONGEST_TOPIC, 3, offset, 0, b"c-1", b"x" * value, own), REFUSAL


SIZES = st.sampled_from((0, 1, 1_000, 100_000, BATCH_BYTES // 2, BATCH_BYTES, 2 * BATCH_BYTES))


@given(st.lists(st.tuples(SIZES, SIZES), min_size=1, max_size=12))
def test_every_letter_is_in_one_batch_and_only_one_that_goes_alone_is_above_the_size(
    sizes: list[tuple[int, int]],
) -> None:
    """The batches are built by aiokafka's own builder, which takes no second letter above it."""
    letters = [letter(n, value, headers) for n, (value, headers) in enumerate(sizes)]
    batches = list(parts(letters))
    assert [one for batch in batches for one in batch] == letters

    async def build() -> None:
        sender = Letters("dead")
        sender.producer = AIOKafkaProducer(max_batch_size=BATCH_BYTES)
        for batch in batches:
            assert sender._batch(batch).record_count() == len(batch)
        await sender.producer.stop()

    asyncio.run(build())


def test_small_letters_go_together() -> None:
    letters = [letter(n) for n in range(300)]
    assert [len(batch) for batch in parts(letters)] == [300]


def test_no_batch_is_empty() -> None:
    letters = [letter(0, 2 * BATCH_BYTES), letter(1, 2 * BATCH_BYTES), letter(2)]
    assert [len(batch) for batch in parts(letters)] == [1, 1, 1]


def test_a_record_without_key_and_value_is_a_letter_too() -> None:
    nothing = Record("purchases", 0, 0, -1, None, None), Refusal(Reason.NULL_VALUE, "no value")
    assert list(parts([nothing])) == [[nothing]]


async def test_a_letter_that_finds_no_room_is_a_fault() -> None:
    """Left out, it would be lost: its slice would be acknowledged."""
    sender = Letters("dead")
    sender.producer = AIOKafkaProducer(max_batch_size=1_000)
    with pytest.raises(Fault, match="dead letters for dead is full"):
        sender._batch([letter(0, 900), letter(1, 900)])
    await sender.producer.stop()
