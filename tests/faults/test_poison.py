"""One record in a hundred is spoilt, in every way that the contract refuses."""

from __future__ import annotations

import time

import pytest

from tests.generate import Shape
from tests.poison import POISONS
from tests.rig.script import drain, feed, start
from tests.rig.stage import Stage, Stages
from tests.rig.waiting import eventually

pytestmark = [pytest.mark.timeout(3_600), pytest.mark.fault("F9")]

SHARE = 0.01
CLEAN_SHARE = 0.8
"""Of the rate without poison that must be left."""


def spoilt(stages: Stages, records: int, share: float = SHARE) -> Shape:
    """A log with so much poison, every reason as often; of the megabytes about twenty."""
    poison = dict.fromkeys(POISONS, share / len(POISONS))
    if share:
        poison["too_large"] = min(poison["too_large"], 20 / records)
    return Shape(seed=stages.seed, customers=records // 50, records=records, poison=poison)


async def test_a_hundredth_of_poison_becomes_dead_letters_and_stops_nobody(
    stages: Stages, long: bool
) -> None:
    """Dead letters exact as a set of topic, partition and offset: the judge holds them so."""
    records = 1_000_000 if long else 20_000
    async with stages.open(spoilt(stages, records)) as stage:
        await stage.play([start(), feed(records)])
        letters = stage.ledger.dead_letters()
        assert set(letters.values()) == set(POISONS)
        assert SHARE / 2 < len(letters) / records < SHARE * 2
        assert stage.worker.exit_code is None
        assert not stage.ended
        assert await stage.worker.total("ltv_events_total") == records
        assert await stage.worker.total("ltv_dead_letters_total") == len(letters)


async def test_poison_costs_less_than_a_fifth_of_the_rate(stages: Stages, long: bool) -> None:
    """Measured against the same log without it, in turns, the best of each; in the short form only
    that both arrive, since a rate needs a machine to itself."""
    records = 200_000 if long else 5_000
    best = {0.0: 0.0, SHARE: 0.0}
    for _ in range(3 if long else 1):
        for share in best:
            async with stages.open(spoilt(stages, records, share)) as stage:
                best[share] = max(best[share], await _rate(stage, records))
    if long:
        assert best[SHARE] >= CLEAN_SHARE * best[0.0], best


async def _rate(stage: Stage, records: int) -> float:
    """Records a second, of a backlog that was there before the worker."""
    await stage.play([feed(records)], judged=False)
    await stage.play([start()], judged=False)
    done: list[float] = []

    async def all_folded() -> bool:
        done.append(await stage.worker.total("ltv_events_total"))
        return done[-1] >= records

    await eventually(all_folded, lambda: f"all folded, not {done[-1]:g}", 600, every_seconds=0.02)
    rate = records / (time.monotonic() - stage.worker.began)
    await stage.play([drain()], judged=False)
    return rate
