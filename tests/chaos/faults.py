"""The faults that a script is drawn from: what begins each, how long it is on, what ends it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.rig import rough, script
from tests.rig.ground import Act, on_stage
from tests.rig.proxy import FETCH, METADATA, OFFSET_COMMIT, PRODUCE

FIND_COORDINATOR, JOIN_GROUP, HEARTBEAT, SYNC_GROUP, LIST_OFFSETS = 10, 11, 12, 14, 2
MOST_WORKERS = 4
NAMES = "abcdefghijkl"

CODES = {
    PRODUCE: (6, 7, 10, 19, 20, 29, 45, 46),
    OFFSET_COMMIT: (16, 22, 25, 27),
    FETCH: (1, 6),
}
"""Error codes a broker may answer with, by API: https://kafka.apache.org/protocol#protocol_error_codes"""

FAILPOINTS = {
    "after_fold": 30,
    "before_append": 30,
    "after_append": 30,
    "mid_redis_write": 20,
    "after_redis": 20,
    "during_commit": 5,
    "during_recovery": 6,
    "after_claim": 3,
    "in_revoke": 2,
    "before_reappend": 1,
}
"""Failpoints of a worker, with the last hit at which one strikes."""


@dataclass
class Cast:
    """Who is on stage while a script is drawn."""

    session_seconds: float
    workers: list[str]
    models: int = 0
    used: int = 0

    def newcomer(self) -> str:
        """A name that nobody had."""
        self.used += 1
        return NAMES[self.used - 1] if self.used <= len(NAMES) else f"w{self.used}"


@dataclass(frozen=True)
class Fault:
    """A fault as it was drawn; with ``needs``, what no other fault may touch meanwhile."""

    kind: str
    needs: frozenset[str]
    begins: tuple[Act, ...]
    seconds: float = 0.0
    ends: tuple[Act, ...] = ()


Draw = Callable[[random.Random, Cast], Fault | None]
"""Draws one fault of a kind; None where the cast can't suffer it."""


def _one(rng: random.Random, cast: Cast) -> str:
    return rng.choice(cast.workers)


def _seconds(rng: random.Random, least: float, most: float) -> float:
    return round(rng.uniform(least, most), 1)


def _failpoint(rng: random.Random, action: str = "") -> str:
    name = rng.choice(list(FAILPOINTS))
    text = f"{name}:{rng.randint(1, FAILPOINTS[name])}"
    return f"{text}:{action}" if action else text


# -- workers ---------------------------------------------------------------------------------


def _kill(rng: random.Random, cast: Cast) -> Fault:
    name = _one(rng, cast)
    return Fault("kill -9", frozenset({name}), (rough.dies(name),))


def _power_cut(rng: random.Random, cast: Cast) -> Fault:
    everybody = tuple(cast.workers)
    return Fault("all killed", frozenset(everybody), (rough.dies(*everybody),))


def _nap(rng: random.Random, cast: Cast) -> Fault:
    """Shorter than the session: nobody should notice."""
    name = _one(rng, cast)
    seconds = _seconds(rng, 0.2, 0.6 * cast.session_seconds)
    return Fault(
        "short freeze", frozenset({name}), (rough.freezes(name),), seconds, (rough.wakes(name),)
    )


def _zombie(rng: random.Random, cast: Cast) -> Fault:
    """Longer than the session: whoever takes over finds the zombie writing when it wakes."""
    names = tuple(rng.sample(cast.workers, rng.randint(1, len(cast.workers))))
    seconds = _seconds(rng, cast.session_seconds + 1.0, cast.session_seconds + 9.0)
    return Fault(
        "long freeze", frozenset(names), (rough.freezes(*names),), seconds, (rough.wakes(*names),)
    )


def _deadly_failpoint(rng: random.Random, cast: Cast) -> Fault:
    name, failpoint = _one(rng, cast), _failpoint(rng)
    return Fault("failpoint", frozenset({name}), (rough.is_renewed(name, failpoint),))


def _deadly_birth(rng: random.Random, cast: Cast) -> Fault | None:
    if len(cast.workers) == MOST_WORKERS:
        return None
    name = cast.newcomer()
    cast.workers.append(name)
    return Fault("failpoint", frozenset({name}), (rough.joins(name, _failpoint(rng)),))


def _freezing_failpoint(rng: random.Random, cast: Cast) -> Fault:
    """A zombie made in the middle of its work."""
    name, failpoint = _one(rng, cast), _failpoint(rng, "stop")
    seconds = _seconds(rng, cast.session_seconds + 2.0, cast.session_seconds + 12.0)
    return Fault(
        "freezing failpoint",
        frozenset({name}),
        (rough.is_renewed(name, failpoint),),
        seconds,
        (rough.wakes(name),),
    )


def _join(rng: random.Random, cast: Cast) -> Fault | None:
    if len(cast.workers) == MOST_WORKERS:
        return None
    name = cast.newcomer()
    cast.workers.append(name)
    return Fault("join", frozenset({name}), (rough.joins(name),))


def _leave(rng: random.Random, cast: Cast) -> Fault | None:
    if len(cast.workers) == 1:
        return None
    name = _one(rng, cast)
    cast.workers.remove(name)
    goes = rng.choice((rough.leaves, rough.is_lost))
    return Fault("leave", frozenset({name}), (goes(name),))


def _renewal(rng: random.Random, cast: Cast) -> Fault:
    name = _one(rng, cast)
    return Fault("clean restart", frozenset({name}), (rough.is_renewed(name),))


def _group(rng: random.Random, cast: Cast) -> Fault:
    to = rng.choice(("earliest", "latest", "beyond", "gone"))
    everybody = tuple(cast.workers)
    needs = frozenset({*everybody, "kafka"})
    return Fault("group offsets", needs, (rough.group_moves(to, *everybody),))


# -- Kafka -----------------------------------------------------------------------------------


def _kafka(kind: str, begins: Act, seconds: float, ends: Act | None = None, *more: Act) -> Fault:
    return Fault(kind, frozenset({"kafka"}), (begins, *more), seconds, (ends or rough.calm(),))


def _broker_kill(rng: random.Random, cast: Cast) -> Fault:
    killed, started = on_stage(script.kafka_kill()), on_stage(script.kafka_start())
    return _kafka("broker killed", killed, _seconds(rng, 0.0, 12.0), started)


def _broker_freeze(rng: random.Random, cast: Cast) -> Fault:
    seconds = _seconds(rng, 1.0, 15.0)
    return _kafka("broker frozen", rough.kafka_pause(), seconds, rough.kafka_resume())


def _network_cut(rng: random.Random, cast: Cast) -> Fault:
    seconds = _seconds(rng, 0.5, 12.0)
    return _kafka("no way to kafka", rough.kafka_unreachable(), seconds, rough.kafka_reachable())


def _slow_broker(rng: random.Random, cast: Cast) -> Fault:
    api = rng.choice((PRODUCE, PRODUCE, FETCH, OFFSET_COMMIT, HEARTBEAT, METADATA))
    late = rng.choice((0.1, 0.3, 1.0))
    begins = rough.trouble(api, "DELAY", _topic(rng, api), seconds=late)
    return _kafka("slow broker", begins, _seconds(rng, 3.0, 10.0))


def _error_code(rng: random.Random, cast: Cast) -> Fault:
    api = rng.choice(list(CODES))
    code, times = rng.choice(CODES[api]), rng.choice((1, 1, 3))
    begins = rough.trouble(api, "ERROR", _topic(rng, api), times=times, code=code)
    return _kafka("error code", begins, _seconds(rng, 3.0, 8.0))


def _disconnect(rng: random.Random, cast: Cast) -> Fault:
    api = rng.choice((PRODUCE, FETCH, OFFSET_COMMIT, JOIN_GROUP, SYNC_GROUP, HEARTBEAT))
    begins = rough.trouble(api, "BREAK", _topic(rng, api), times=rng.choice((1, 3)))
    return _kafka("disconnect", begins, _seconds(rng, 3.0, 8.0))


def _lost_answer(rng: random.Random, cast: Cast) -> Fault:
    """The broker does what it was asked; the asker never hears of it."""
    api = rng.choice((PRODUCE, PRODUCE, PRODUCE, FETCH, OFFSET_COMMIT, JOIN_GROUP))
    how, times = rng.choice(("CUT", "LOSE_ANSWER")), rng.choice((1, 3))
    begins = rough.trouble(api, how, _topic(rng, api), times=times)
    return _kafka("lost answer", begins, _seconds(rng, 3.0, 8.0))


def _black_hole(rng: random.Random, cast: Cast) -> Fault:
    api = rng.choice((PRODUCE, FETCH, METADATA, FIND_COORDINATOR, HEARTBEAT, LIST_OFFSETS))
    begins = rough.trouble(api, "SWALLOW", _topic(rng, api))
    return _kafka("black hole", begins, _seconds(rng, 3.0, 20.0))


def _topic(rng: random.Random, api: int) -> str:
    return rng.choice(("changelog", "letters", "")) if api == PRODUCE else ""


def _model(rng: random.Random, cast: Cast) -> Fault:
    cast.models += 1
    return Fault("model", frozenset({"kafka"}), (rough.model(cast.models),))


# -- Redis -----------------------------------------------------------------------------------


def _redis(kind: str, begins: Act, seconds: float = 0.0, *ends: Act) -> Fault:
    return Fault(kind, frozenset({"redis"}), (begins,), seconds, ends)


def _redis_kill(rng: random.Random, cast: Cast) -> Fault:
    killed, started = on_stage(script.redis_kill()), on_stage(script.redis_start())
    return _redis("redis killed", killed, _seconds(rng, 0.0, 12.0), started)


def _redis_freeze(rng: random.Random, cast: Cast) -> Fault:
    paused, resumed = on_stage(script.redis_pause()), on_stage(script.redis_resume())
    return _redis("redis frozen", paused, _seconds(rng, 0.5, 12.0), resumed)


def _redis_flush(rng: random.Random, cast: Cast) -> Fault:
    return _redis("redis flushed", on_stage(script.redis_flush()))


def _redis_old(rng: random.Random, cast: Cast) -> Fault:
    seconds = _seconds(rng, 1.0, 10.0)
    return _redis("old snapshot", rough.redis_snapshot(), seconds, rough.redis_restored())


def _redis_slow(rng: random.Random, cast: Cast) -> Fault:
    begins, ends = rough.redis_slow(rng.choice((0.005, 0.05, 0.2))), rough.redis_slow(0.0)
    return _redis("slow redis", begins, _seconds(rng, 3.0, 10.0), ends)


def _redis_resets(rng: random.Random, cast: Cast) -> Fault:
    return _redis("redis resets", rough.redis_resets())


def _redis_cut(rng: random.Random, cast: Cast) -> Fault:
    begins, ends = rough.redis_unreachable(), rough.redis_reachable()
    return _redis("no way to redis", begins, _seconds(rng, 0.5, 12.0), ends)


def _redis_full(rng: random.Random, cast: Cast) -> Fault:
    begins, ends = rough.redis_full(), rough.redis_roomy()
    return _redis("redis full", begins, _seconds(rng, 1.0, 10.0), ends)


def _redis_read_only(rng: random.Random, cast: Cast) -> Fault:
    begins, ends = rough.redis_read_only(), rough.redis_writable()
    return _redis("redis read-only", begins, _seconds(rng, 1.0, 10.0), ends)


KINDS: Mapping[Draw, int] = {
    _kill: 5,
    _power_cut: 2,
    _nap: 2,
    _zombie: 5,
    _deadly_failpoint: 5,
    _deadly_birth: 2,
    _freezing_failpoint: 4,
    _join: 4,
    _leave: 3,
    _renewal: 3,
    _group: 2,
    _broker_kill: 3,
    _broker_freeze: 2,
    _network_cut: 2,
    _slow_broker: 3,
    _error_code: 4,
    _disconnect: 2,
    _lost_answer: 4,
    _black_hole: 3,
    _model: 2,
    _redis_kill: 2,
    _redis_freeze: 2,
    _redis_flush: 2,
    _redis_old: 2,
    _redis_slow: 2,
    _redis_resets: 1,
    _redis_cut: 1,
    _redis_full: 1,
    _redis_read_only: 1,
}
"""Every kind, with its weight in the draw."""


def draw_fault(rng: random.Random, cast: Cast, busy: frozenset[str] = frozenset()) -> Fault | None:
    """One fault that touches nothing ``busy``; None where the draw was in vain."""
    before = list(cast.workers)
    (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
    fault = kind(rng, cast)
    if fault is None or fault.needs & busy:
        cast.workers[:] = before
        return None
    return fault
