"""Play one round on servers of its own, and judge it."""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.draw import Round
from tests.rig.crew import failpoints_struck, faults
from tests.rig.ground import Ground, faults_of, open_ground
from tests.rig.hashes import behind
from tests.rig.patience import until_nothing_is_left
from tests.rig.verdict import Verdict

STUCK_SECONDS = 120.0
"""After the healing what is missing in the state, and then in Redis, must shrink at least as often
as this; a bound for the whole would judge the machine."""


@dataclass
class Played:
    """What came of a round."""

    round: Round
    seconds: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)
    longest_seconds: float = 0.0
    """The longest time in which nothing was folded though records waited."""
    struck: Counter[str] = field(default_factory=Counter)
    """How often failpoints and kinds of trouble with Kafka did strike."""
    exits: Counter[int] = field(default_factory=Counter)
    """Ends that nobody had asked for, by exit code."""
    reasons: Counter[str] = field(default_factory=Counter)
    """What workers said of them."""
    failure: str = ""
    """Empty where all is well."""


async def play(round: Round, directory: Path) -> Played:
    """The round with its verdict; what fails is told in it, what is cancelled is raised."""
    clock = asyncio.get_running_loop().time
    began, played = clock(), Played(round)
    _write(directory / "round.txt", f"{round}\n")
    try:
        async with open_ground(
            directory, round.seed, round.shape, round.settings, round.pause_seconds
        ) as ground:
            try:
                await _acted(round, ground)
                await _judged(ground, played)
            finally:
                _note(ground, played)
    except Exception as error:
        played.failure = "".join(traceback.format_exception(error))
        _write(directory / "failure.txt", played.failure)
    played.seconds = clock() - began
    return played


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


async def _acted(round: Round, ground: Ground) -> None:
    """Act by act; over at once when a worker ended as none should."""
    crew = ground.stage.supervisors["crew"]
    clock = asyncio.get_running_loop().time
    lines = (ground.stage.directory / "acts.txt").open("w", buffering=1)
    start = clock()
    with lines:
        for act in round.script:
            lines.write(f"{clock() - start:7.2f} s  {act}\n")
            acting = asyncio.ensure_future(act.act(ground))
            try:
                await asyncio.wait({acting, crew}, return_when=asyncio.FIRST_COMPLETED)
                if crew.done():
                    crew.result()
                acting.result()
            except BaseException as error:
                error.add_note(f"in {act}")
                raise
            finally:
                acting.cancel()
        lines.write(f"{clock() - start:7.2f} s  done\n")


async def _judged(ground: Ground, played: Played) -> None:
    """Drain, then compare everything with the oracle."""
    stage = ground.stage
    crew = stage.supervisors["crew"]

    def meanwhile() -> None:
        if crew.done():
            crew.result()

    await _drained(ground, meanwhile)
    played.verdict = await stage.judge.judge(stage.store)
    assert played.verdict.clean, str(played.verdict)
    assert not stage.watcher.regressions, stage.watcher.regressions[:5]
    assert not (tracebacks := stage.unforeseen()), tracebacks[0]
    for worker in ground.crew.members:
        for name in ("ltv_state_imbalance_minor", "ltv_cohort_imbalance_minor"):
            assert await worker.total(name) == 0, f"{worker.name}: {name}"
    if ground.model is not None:
        await _by_model(ground, ground.model)
    meanwhile()


async def _drained(ground: Ground, meanwhile: Callable[[], None]) -> None:
    """Return once the state holds every record, and Redis shows every customer of it."""
    stage, judge = ground.stage, ground.stage.judge
    late: list[str] = []

    async def unread() -> int:
        meanwhile()
        await judge.look()
        return len(stage.ledger.records) - judge.folded

    async def unpublished() -> int:
        meanwhile()
        await judge.look()
        positions = judge.positions()
        late[:] = await asyncio.to_thread(behind, stage.store, stage.settings, positions)
        return len(late)

    await until_nothing_is_left(
        unread, lambda: f"{judge.folded} of {len(stage.ledger.records)} folded", STUCK_SECONDS
    )
    await judge.drained(0.0, meanwhile)
    await until_nothing_is_left(
        unpublished, lambda: f"{len(late)} not published: {late[:5]}", STUCK_SECONDS, 1.0
    )


async def _by_model(ground: Ground, model: str) -> None:
    """Everybody's scores are by the model that was published last."""
    stage = ground.stage
    keys = [stage.judge.key_of(customer) for customer in stage.ledger.customers()]
    others: dict[str, int] = {}

    def look() -> list[bytes | None]:
        with stage.store.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hget(key, "model")
            answers: list[bytes | None] = pipe.execute()
        return answers

    async def other() -> int:
        answers = await asyncio.to_thread(look)
        others.clear()
        others.update(Counter(repr(one) for one in answers if one != model.encode()))
        return sum(others.values())

    await until_nothing_is_left(other, lambda: f"not by {model}: {others}", STUCK_SECONDS, 1.0)


def _note(ground: Ground, played: Played) -> None:
    """What is known before the stage is gone."""
    played.verdict.records = len(ground.stage.ledger.records)
    played.longest_seconds = ground.meter.longest_seconds
    played.struck = failpoints_struck(ground.stage) + faults_of(ground.rules)
    played.exits = ground.crew.exits
    played.reasons = faults(ground.stage)
