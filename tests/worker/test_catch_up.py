"""A pass over a partition: newest first, piece by piece, past whom live flushes will bring."""

from __future__ import annotations

import random
from collections.abc import Iterable

from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer
from stream_app.core.score import ScoreSettings
from stream_app.wire.changelog import Watermark
from stream_app.worker.partition import Partition
from stream_app.worker.publishing.catch_up import CatchUp, aged, changed_since, everything
from stream_app.worker.publishing.newest_first import RUN, NewestFirst
from stream_app.worker.publishing.scoring import AsOf, Scoring

NOW = 20_000 * 86_400
SCORING = Scoring(Calendar("UTC"), ScoreSettings("USD"), None, "no model", AsOf(lambda: NOW))


def partition(positions: Iterable[int]) -> Partition:
    """Customers who never bought, of these changelog positions and named by them."""
    watermark = Watermark(
        sources={},
        state_version=1,
        time_zone="UTC",
        currency="USD",
        partitioner="murmur2",
        tzdata="",
        partitions=1,
    )
    made = Partition(0, 1, watermark, 10**6, {})
    for each in positions:
        made.customers[name(each)] = Customer()
        made.customers[name(each)].pos = each
    return made


def name(position: int) -> bytes:
    return b"c-%d" % position


def walk(passing: CatchUp, held: Partition, pieces: int = 1000) -> list[list[bytes]]:
    """Whom so many pieces publish, or as many as there is something to do for now."""
    published: list[list[bytes]] = []
    while passing.able(held) and len(published) < pieces:
        if not passing.keys.sorted:
            passing.keys.sort()
            continue
        piece = passing.piece(held, most=100)
        chosen = passing.chosen(piece, NOW, SCORING)
        published.append([key for some in chosen.values() for key in some])
        passing.advance(held, piece)
    return published


def test_keys_come_from_the_newest_down_whatever_the_number_of_runs() -> None:
    for count in (0, 1, RUN, RUN + 1, 5 * RUN + 7):
        positions = random.Random(count).sample(range(10**6), count)
        keys = NewestFirst(partition(positions).customers)
        while not keys.sorted:
            keys.sort()
        taken: list[bytes] = []
        while keys.remaining:
            taken += keys.take(1000)
        assert taken == [name(each) for each in sorted(positions, reverse=True)]


def test_a_pass_over_everybody_publishes_each_once_newest_first() -> None:
    held = partition(random.Random(1).sample(range(10**6), 950))
    pieces = walk(everything(held, "model", NOW), held)
    keys = [key for piece in pieces for key in piece]
    assert keys == sorted(held.customers, key=lambda key: -held.customers[key].pos)
    assert [len(piece) for piece in pieces] == [100] * 9 + [50]


def test_who_changed_after_the_position_is_published_before_the_rest_is_looked_at() -> None:
    held = partition(range(1000))
    passing = changed_since(held, 800, NOW - 1, NOW)
    pieces = walk(passing, held, pieces=2)
    assert {key for piece in pieces for key in piece} == {name(each) for each in range(800, 1000)}
    assert not passing.limited
    assert walk(passing, held) == [[]] * 8
    assert passing.limited


def test_who_awaits_a_live_flush_is_left_to_it() -> None:
    held = partition(range(10))
    held.dirty[name(9)] = held.customers[name(9)]
    passing = everything(held, "missing", NOW)
    passing.keys.sort()
    held.dirty.clear()
    held.dirty[name(3)] = held.customers[name(3)]
    (published,) = walk(passing, held)
    assert set(published) == set(held.customers) - {name(9), name(3)}
    assert passing.done


def test_who_is_in_flight_is_published_later_unless_a_live_flush_was_faster() -> None:
    held = partition(range(10))
    for each in (2, 5):
        held.unacknowledged[name(each)] = 1
    passing = everything(held, "missing", NOW)
    assert [len(piece) for piece in walk(passing, held)] == [8]
    assert (passing.done, passing.remaining) == (False, 2)
    passing.written({name(5): held.customers[name(5)]})
    held.unacknowledged.clear()
    assert walk(passing, held) == [[name(2)]]
    assert passing.done


def test_a_piece_that_could_not_be_written_is_looked_at_again() -> None:
    held = partition(range(300))
    passing = everything(held, "model", NOW)
    passing.keys.sort()
    first = passing.piece(held, 100)
    assert passing.piece(held, 100) == first
    assert passing.remaining == 300
    passing.advance(held, first)
    assert passing.piece(held, 100).keys().isdisjoint(first)


def test_what_redis_lacked_before_a_model_came_it_lacks_still() -> None:
    held = partition(range(10))
    emptied = everything(held, "emptied", NOW)
    assert everything(held, "model", NOW, unfinished=emptied).cause == "emptied"
    for unfinished in (None, everything(held, "model", NOW), aged(held, NOW - 1, NOW)):
        assert everything(held, "generation", NOW, unfinished=unfinished).cause == "generation"
