"""Another build takes over under live traffic, and goes again: no reader sees a mix of two."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from stream_app.errors import ConfigurationError
from stream_app.jobs.builds.cut_over import Order, cut_over
from stream_app.jobs.builds.diff import diff
from stream_app.jobs.builds.readiness import Demands
from stream_app.settings import load
from tests.generate import Shape, generate
from tests.ledger import Ledger
from tests.rig.kafka_admin import make_topics
from tests.rig.load import Load
from tests.rig.script import begin, enough, feed, folded, freezes_at, sigcont, start
from tests.rig.stage import Stage, Stages
from tests.rig.two_builds import FIRST, SECOND, TwoBuilds, one_stage
from tests.rig.waiting import eventually

pytestmark = [pytest.mark.timeout(300), pytest.mark.fault("F22")]

WATCHED = [*(f"c-{number}" for number in range(60)), "stray-0", "long-0"]
LAGGING = Demands(max_lag=50_000)
"""Under load on a busy machine a worker may be seconds behind."""


async def test_cut_over_and_back_under_live_traffic_never_mix_two_builds(stages: Stages) -> None:
    async with one_stage(stages) as stage:
        two = TwoBuilds(stage)
        await stage.play([start("one", **FIRST), feed(2_000)], judged=False)
        await two.send_odd_ones(5)
        with two.readers(WATCHED) as readers:
            await stage.play(
                [start("two", **SECOND), begin(1_000_000, rate=300), folded(300)], judged=False
            )
            apart = await diff(two.settings[1], (1, 2))
            assert (apart.missing, apart.extra, apart.different) == (5, 5, 0), apart.examples
            forward = await cut_over(two.settings[1], Order(2, LAGGING))
            assert (forward.gen, forward.before, forward.switched) == (2, 1, True)
            await stage.play([folded(300), enough()], judged=False)
            shown = await two.settled(2, gen=2)
            assert {"long-0", "c-1"} <= shown
            assert "stray-0" not in shown
            await stage.play([begin(1_000_000, rate=300), folded(300)], judged=False)
            back = await cut_over(two.settings[1], Order(None, LAGGING))
            assert (back.build, back.gen, back.switched) == (1, 3, True)
            await stage.play([folded(300), enough()], judged=False)
            shown = await two.settled(1, gen=3)
            assert {"stray-0", "c-1"} <= shown
            assert "long-0" not in shown
        assert forward.cleared + back.cleared == 10
        tiers = readers.values("tier")
        assert all("active" in tiers[gen] and "lost" not in tiers[gen] for gen in (1, 3))
        assert "lost" in tiers[2]
        assert "active" not in tiers[2]
        assert not readers.backwards
        assert not stage.watcher.regressions
        mixed = await two.mixed(readers, {1: 1, 2: 2, 3: 1})
        assert not mixed, mixed[:3]
        assert sum(len(hashes) for hashes in readers.seen.values()) > 3 * len(WATCHED)


async def test_what_an_older_build_had_in_its_hands_is_refused(stages: Stages) -> None:
    """Frozen in the middle of a write, it wakes after the cut-over and writes on: customers whom
    the other build knows, and some whom it doesn't."""
    async with one_stage(stages, publish_batch="5") as stage:
        two = TwoBuilds(stage)
        # A second's changes are one write of a hundred script calls.
        slowly = {**FIRST, "PUBLISH_INTERVAL": "1", "FAILPOINT": "mid_redis_write:10:stop"}
        with two.readers(WATCHED) as readers:
            await stage.play([start("zombie", **slowly)], judged=False)
            await two.send_odd_ones(400)
            await stage.play(
                [feed(1_000), freezes_at("mid_redis_write", "zombie"), start("two", **SECOND)],
                judged=False,
            )
            report = await cut_over(two.settings[1], Order(2, LAGGING))
            assert report.gen == 2
            assert report.cleared > 0
            await two.settled(2, gen=2)
            woken = stage.workers["zombie"]
            await stage.play([sigcont("zombie"), begin(500, rate=500)], judged=False)
            await eventually(
                lambda: woken.said("another build publishes") or woken.exit_code is not None,
                lambda: f"the zombie looks again. {woken.last_words}",
            )
            await stage.play([enough()], judged=False)
            await two.settled(2, gen=2)
        assert not readers.backwards
        mixed = await two.mixed(readers, {1: 1, 2: 2})
        assert not mixed, mixed[:3]


async def test_live_traffic_makes_no_difference_between_equal_builds(stages: Stages) -> None:
    same = {"BUILD": "2", "LIFESPAN_YEARS": "5"}
    async with stages.open(SLICE_RECORDS="37") as stage:
        two = TwoBuilds(stage)
        await stage.play([start("one"), feed(2_000), start("two", **same)], judged=False)
        await stage.play([begin(1_000_000, rate=500), folded(500)], judged=False)
        for _ in range(3):
            findings = await diff(stage.settings, (1, 2))
            assert findings.equal, findings.examples
        await stage.play([enough()], judged=False)
        code, said = await two.command("diff", "--builds", "1,2", "--json")
        assert code == 0
        assert json.loads(said[said.index("{") :])["equal"]


async def test_twelve_partitions_take_over_from_eight(stages: Stages) -> None:
    """The same events in topics of another count: another build, compared and switched to."""
    async with one_stage(stages, partitions="8") as stage, wider(stage, 12) as (second, copy):
        two = TwoBuilds(stage, first={}, second=second)
        both = stage.load, copy
        await asyncio.gather(*(load.feed(2_000) for load in both))
        await stage.play([start("one"), start("two", **second)], judged=False)
        live = [asyncio.create_task(load.feed(1_000_000, rate=300)) for load in both]
        findings = await diff(two.settings[2], (1, 2))
        assert findings.equal, findings.examples
        with pytest.raises(ConfigurationError, match="say --other-topics"):
            await cut_over(two.settings[2], Order(2, LAGGING))
        with two.readers(WATCHED[:40]) as readers:
            demands = replace(LAGGING, other_topics=True)
            report = await cut_over(two.settings[2], Order(2, demands))
            assert (report.gen, report.cleared) == (2, 0)
            await all_in_both(both, live)
            shown = await two.settled(2, gen=2)
        assert shown == set(await two.customers(1))
        assert (await diff(two.settings[2], (1, 2))).equal
        assert not readers.backwards
        mixed = await two.mixed(readers, {1: 1, 2: 2})
        assert not mixed, mixed[:3]


async def all_in_both(both: tuple[Load, Load], live: Sequence[asyncio.Task[None]]) -> None:
    """Stop both loads, and let the one that is behind send what the other has sent."""
    for each in both:
        each.stopping = True
    await asyncio.gather(*live)
    sent = max(each.acknowledged for each in both)
    for each in both:
        each.stopping = False
        await each.feed(sent - each.acknowledged)


@asynccontextmanager
async def wider(stage: Stage, partitions: int) -> AsyncIterator[tuple[dict[str, str], Load]]:
    """Settings of a second build on topics of its own, and what feeds them the stage's log."""
    roles = ("PURCHASES", "SIGNUPS", "ACTIVITY", "DEAD_LETTERS")
    topics = {f"TOPIC_{role}": stage.variables[f"TOPIC_{role}"] + "-wide" for role in roles}
    second = SECOND | topics | {"PARTITIONS": str(partitions)}
    settings = load({f"LTV_{k}": v for k, v in (stage.variables | second).items()})
    await make_topics(settings)
    names = dict(zip(("purchases", "signups", "activity"), settings.source_topics, strict=True))
    ledger = Ledger(partitions=partitions)
    log = generate(Shape(seed=stage.seed, customers=300, records=1_000_000))
    async with Load.open(stage.broker.direct, names, ledger, log, stamped_now=True) as copy:
        yield second, copy
