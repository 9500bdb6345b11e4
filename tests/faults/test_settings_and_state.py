"""How the work is cut and shared out decides nothing: the state is the same, byte for byte."""

from __future__ import annotations

import random
from itertools import product

import pytest

from tests.generate import Shape, generate
from tests.rig.kafka_admin import delete_topic
from tests.rig.script import Step, drain, feed, kill9, launch, ready, restart
from tests.rig.stage import Stage, Stages
from tests.rig.states import State, state_of, unlike

pytestmark = [pytest.mark.timeout(7_200), pytest.mark.fault("F21")]

SLICES, WORKERS, PARTITIONS = (1, 7, 100, 1_000), (1, 2, 3, 4), (1, 3, 8)
SHORT = ((1, 2, 3), (7, 3, 1), (100, 2, 8))
"""Of the short form: every partition count, more workers than partitions among them; the other
fault tests have one worker, and slices of a thousand."""


async def test_state_is_the_same_for_all_slices_workers_and_partitions(
    stages: Stages, long: bool
) -> None:
    records = 20_000 if long else 600
    chosen = list(product(SLICES, WORKERS, PARTITIONS)) if long else list(SHORT)
    random.Random(stages.seed).shuffle(chosen)
    shape = Shape(
        seed=stages.seed,
        customers=records // 10,
        records=records,
        duplicates=0.1,
        late=0.05,
        foreign=0.2,
    )
    states: list[State] = []
    for slice_records, workers, partitions in chosen:
        async with stages.open(
            shape,
            log=generate(shape),
            SLICE_RECORDS=str(slice_records),
            PARTITIONS=str(partitions),
        ) as stage:
            names = [f"worker-{number}" for number in range(workers)]
            script: list[Step] = [launch(name) for name in names]
            script += [feed(records // 2), ready(names[0]), kill9(names[0]), restart(names[0])]
            await stage.play([*script, feed(records // 2), drain()])
            states.append(state_of(stage.judge))
            what = f"slices of {slice_records}, {workers} workers, {partitions} partitions"
            assert not unlike(states[0], states[-1]), what
            if long:  # a broker that keeps them all runs out of open files
                await _give_topics_back(stage)


async def _give_topics_back(stage: Stage) -> None:
    for worker in stage.workers.values():
        worker.end()
    for topic in (*stage.settings.source_topics, stage.settings.changelog_topic):
        await delete_topic(stage.settings, topic)
