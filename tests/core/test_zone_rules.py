"""A digest stands for offsets: read rightly, equal only where no instant tells two zones apart."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import defaultdict
from datetime import UTC, datetime
from importlib.resources import files

from stream_app.core.zone_rules import _offsets, rules_digest
from tests.core.naive_time import zone

SEED = 7
INSTANTS = 300
YEARS = 150


def _names() -> list[str]:
    return sorted(files("tzdata").joinpath("zones").read_text().split())


def _shown(name: str, second: int) -> int:
    offset = datetime.fromtimestamp(second, UTC).astimezone(zone(name)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def test_offsets_are_those_that_the_standard_library_reads() -> None:
    draw = random.Random(SEED)
    for name in draw.sample(_names(), 60):
        changes, _ = _offsets(files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes())
        starts = [second for second, _ in changes]
        last = max(starts[-1], 1)
        for second in [*starts[:-1], *(draw.randrange(last) for _ in range(INSTANTS))]:
            held = changes[bisect_right(starts, second) - 1][1]
            assert held == _shown(name, second), (name, second)


def test_no_instant_tells_zones_of_one_digest_apart() -> None:
    draw = random.Random(SEED)
    named: dict[str, list[str]] = defaultdict(list)
    for name in _names():
        named[rules_digest(name)].append(name)
    several = [names for names in named.values() if len(names) > 1]
    assert len(named) > 250
    assert len(several) > 20
    for one, other, *_ in draw.sample(several, 20):
        for second in (draw.randrange(YEARS * 31_557_600) for _ in range(INSTANTS)):
            assert _shown(one, second) == _shown(other, second), (one, other, second)


def test_zones_that_differ_after_1970_have_other_digests() -> None:
    draw = random.Random(SEED)
    seconds = [draw.randrange(YEARS * 31_557_600) for _ in range(INSTANTS)]
    named = {name: rules_digest(name) for name in draw.sample(_names(), 80)}
    shown = {name: [_shown(name, second) for second in seconds] for name in named}
    for one in named:
        for other in named:
            if shown[one] != shown[other]:
                assert named[one] != named[other], (one, other)
