"""A round of chaos as a pure function of the seed and the round's number."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from tests.chaos.faults import Cast, Fault, draw_fault
from tests.generate import Shape
from tests.poison import POISONS
from tests.rig import rough, script
from tests.rig.ground import Act, on_stage

SECONDS = 55.0
"""How long a round's load goes on, about; starts, healing and the verdict come on top."""
BOUND = 900
"""Most records of one customer in a round with duplicates: below the identities that a state keeps
(1,024), so that every duplicate must be recognised."""
KAFKA_REPEATS = frozenset({"broker killed", "broker frozen"})
"""Faults during which the shop itself may send a record twice."""


@dataclass(frozen=True)
class Round:
    """All that happens in a round."""

    seed: int
    number: int
    settings: dict[str, str]
    shape: Shape
    rate: float
    pause_seconds: float
    """Between a worker's end and its restart by the supervisor."""
    faults: tuple[str, ...]
    """Their kinds, in the order in which they begin."""
    script: tuple[Act, ...]

    @property
    def command(self) -> str:
        """What repeats it."""
        return f"make chaos SEED={self.seed} ROUND={self.number}"

    def __str__(self) -> str:
        chosen = " ".join(f"{name}={value}" for name, value in self.settings.items())
        lines = [
            f"seed {self.seed}, round {self.number}; {self.command}",
            f"  settings {chosen}",
            f"  traffic  {self.rate:g} a second: {_told(self.shape)}",
            f"  restarts after {self.pause_seconds:g} s",
            *(f"  {act}" for act in self.script),
        ]
        return "\n".join(lines)


def draw_round(seed: int, number: int, seconds: float = SECONDS) -> Round:
    """The round ``number`` of ``seed``; always the same."""
    rng = random.Random(f"chaos {seed} {number}")
    settings = _settings(rng)
    rate = _rate(rng, settings)
    cast = Cast(float(settings["SESSION_SECONDS"]), [])
    crew = [cast.newcomer() for _ in range(rng.choice((1, 1, 2, 2, 3, 4)))]
    cast.workers.extend(crew)
    faults: list[str] = []
    acts = list(_acts(rng, cast, faults, seconds))
    records = int(rate * 2 * seconds)  # faults take their time, and it must not run out of them
    shape = _shape(rng, seed * 1_000 + number, records, bool(KAFKA_REPEATS & {*faults}))
    opening = (*(rough.joins(name) for name in crew), rough.settles())
    load = on_stage(script.begin(records, rate=rate))
    closing = (rough.heal(), on_stage(script.enough()), on_stage(script.reread()))
    pause = rng.choice((0.0, 0.0, 1.0, 3.0))
    whole = (*opening, load, *acts, *closing)
    return Round(seed, number, settings, shape, rate, pause, tuple(faults), whole)


def _acts(rng: random.Random, cast: Cast, faults: list[str], seconds: float) -> Iterator[Act]:
    """Faults one after the other, sometimes one inside another, until the time is used up."""
    used = 0.0
    while used < seconds:
        outer = draw_fault(rng, cast)
        if outer is None:
            continue
        rest = round(rng.uniform(0.3, 6.0), 1)
        used += outer.seconds + rest
        yield from outer.begins
        faults.append(outer.kind)
        inner = draw_fault(rng, cast, outer.needs) if rng.random() < 0.5 else None
        if inner is not None:
            faults.append(inner.kind)
            used += inner.seconds
            yield from _inside(rng, outer, inner)
        else:
            yield from _goes_on(outer.seconds)
        yield from outer.ends
        yield from _goes_on(rest)


def _inside(rng: random.Random, outer: Fault, inner: Fault) -> Iterator[Act]:
    before = round(rng.uniform(0.0, outer.seconds), 1)
    yield from _goes_on(before)
    yield from inner.begins
    yield from _goes_on(inner.seconds)
    yield from inner.ends
    yield from _goes_on(round(outer.seconds - before, 1))


def _goes_on(seconds: float) -> Iterator[Act]:
    if seconds:
        yield rough.goes_on(seconds)


def _settings(rng: random.Random) -> dict[str, str]:
    """Those that decide how the work is cut, how long things wait, and what a day is."""
    choices: dict[str, tuple[str, ...]] = {
        "PARTITIONS": ("1", "3", "8"),
        "SLICE_RECORDS": ("1", "2", "7", "30", "100", "333", "1000"),
        "SLICE_BYTES": ("1048576", "4128768"),
        "IN_FLIGHT": ("1", "2", "3", "8"),
        "FETCH_WAIT_MS": ("1", "20", "300"),
        "SESSION_SECONDS": ("4", "6", "8"),
        "REBALANCE_SECONDS": ("4", "8", "15"),
        "REQUEST_SECONDS": ("8", "10", "30"),
        "COMMIT_INTERVAL": ("0.05", "0.5", "3"),
        "IDLE_CHECK": ("0.2", "0.5", "2", "5"),
        "PUBLISH_INTERVAL": ("0", "0.005", "0.3"),
        "PUBLISH_BATCH": ("1", "7", "200", "5000"),
        "PUBLISH_CHECK": ("0.2", "1", "3"),
        "COHORT_SECONDS": ("0.1", "1"),
        "SURVEY_SECONDS": ("0.5", "10"),
        "REPUBLISH_RATE": ("0", "500", "25000"),
        "AS_OF": ("", "2023-06-30", "event-time"),
        "TIMEZONE": ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"),
    }
    return {name: rng.choice(values) for name, values in choices.items()}


def _rate(rng: random.Random, settings: Mapping[str, str]) -> float:
    """Records a second; a slice and a batch are a round trip each, so small ones bear little."""
    slices, batch = int(settings["SLICE_RECORDS"]), int(settings["PUBLISH_BATCH"])
    most = 60 if slices == 1 else 150 if slices < 10 or batch == 1 else 500
    return float(round(rng.uniform(0.2, 1.0) * most))


def _shape(rng: random.Random, seed: int, records: int, shop_repeats: bool) -> Shape:
    """Traffic with skew, duplicates, lateness, poison, big records; from three topics."""
    customers = rng.choice((10, 100, 1_000, 5_000))
    zipf = rng.choice((0.0, 0.0, 0.8, 1.2))
    hot = rng.choice((0.0, 0.0, 0.0, 0.3))
    duplicates = rng.choice((0.0, 0.02, 0.2))
    if duplicates or shop_repeats:
        hot = 0.0
        while records * _top_share(customers, zipf) > BOUND:
            customers, zipf = customers * 4, zipf if customers < 5_000 else 0.0
    return Shape(
        seed=seed,
        customers=customers,
        records=records,
        zipf=zipf,
        hot=hot,
        duplicates=duplicates,
        late=rng.choice((0.0, 0.05, 0.3)),
        foreign=rng.choice((0.0, 0.1)),
        big=rng.choice((0.0, 0.0, 0.002)),
        big_bytes=rng.choice((20_000, 400_000)),
        poison=_poison(rng),
    )


def _top_share(customers: int, zipf: float) -> float:
    """The share of records that the most popular customer has."""
    whole: float = sum((rank + 1) ** -zipf for rank in range(customers))
    return 1.0 / whole


def _poison(rng: random.Random) -> dict[str, float]:
    """Every reason of the contract alike, but for values of a megabyte, which are rare."""
    share = rng.choice((0.0, 0.01, 0.1)) / len(POISONS)
    if not share:
        return {}
    return {reason: min(share, 0.0005) if reason == "too_large" else share for reason in POISONS}


def _told(shape: Shape) -> str:
    """What differs from an ordinary shop."""
    plain = Shape(seed=0)
    chosen = {
        each.name: getattr(shape, each.name)
        for each in fields(shape)
        if getattr(shape, each.name) != getattr(plain, each.name)
    }
    if shape.poison:
        chosen["poison"] = f"{sum(shape.poison.values()):.3f}"
    return " ".join(f"{name}={value}" for name, value in chosen.items())
