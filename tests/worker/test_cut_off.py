"""A connection to Redis that breaks in the middle of a flush: who comes again, and who need not."""

from __future__ import annotations

from stream_app.core.customer import Customer
from stream_app.worker.publishing.follower import Follower
from tests.stores.worker import State


def flushing(run_id: str) -> tuple[Follower, dict[bytes, Customer]]:
    """A partition of three customers, all of them taken for a flush."""
    state = State()
    state.buy("a", "b", "c")
    follower = Follower(state.partition, run_id=run_id)
    taken, _, _ = follower.take()
    return follower, taken


def test_whom_redis_has_acknowledged_does_not_come_again() -> None:
    follower, taken = flushing("run")
    assert follower.cut_off(taken, {b"a", b"c"}, [], 10) == 2
    assert set(follower.partition.dirty) == {b"b"}
    assert follower.reached == 0, "the position waits for the rest"


def test_of_a_server_that_tells_no_run_id_everybody_comes_again() -> None:
    """The next connection may lead to another server, and nobody would notice."""
    follower, taken = flushing("")
    assert follower.cut_off(taken, {b"a", b"c"}, [], 10) == 0
    assert set(follower.partition.dirty) == {b"a", b"b", b"c"}


def test_an_older_version_that_was_refused_does_not_come_back_over_a_written_one() -> None:
    """It would be refused for ever, and the position would wait for it for ever."""
    follower, taken = flushing("run")
    follower.refused = {b"a": Customer()}
    follower.cut_off(taken, {b"a"}, [], 10)
    follower.retry_refused()
    assert set(follower.partition.dirty) == {b"b", b"c"}
    assert not follower.holds_position
