"""A cut-over that dies anywhere, given again, comes to its end; meanwhile somebody publishes."""

from __future__ import annotations

import json
import signal

import pytest

from tests.rig.script import begin, enough, feed, folded, start
from tests.rig.stage import Stages
from tests.rig.two_builds import FIRST, SECOND, TwoBuilds, one_stage

pytestmark = [pytest.mark.timeout(300), pytest.mark.fault("F22")]

LAG = ("--max-lag", "50000", "--json")


async def test_a_cut_over_killed_anywhere_is_finished_by_the_next(stages: Stages) -> None:
    """There, back, there and back, under load, each killed at another place; no reader notices."""
    async with one_stage(stages) as stage:
        two = TwoBuilds(stage)
        await stage.play([start("one", **FIRST), feed(1_000)], judged=False)
        await two.send_odd_ones(5)
        await stage.play([start("two", **SECOND), begin(1_000_000, rate=200)], judged=False)
        ways = {
            "before_switch": ("--to", "2"),
            "after_switch": ("--back",),
            "mid_clear": ("--to", "2"),
            "before_finish": ("--back",),
        }
        builds = {1: 1}
        with two.readers(
            [*(f"c-{number}" for number in range(40)), "stray-0", "long-0"]
        ) as readers:
            for failpoint, words in ways.items():
                to = 2 if "--to" in words else 1
                code, said = await two.command("cut-over", *words, *LAG, FAILPOINT=failpoint)
                assert code == -signal.SIGKILL, said
                assert f"failpoint {failpoint} strikes" in said
                await stage.play([folded(50)], judged=False)
                code, said = await two.command("cut-over", *words, *LAG)
                assert code == 0, said
                report = json.loads(said[said.index("{") :])
                gen = max(builds) + 1
                builds[gen] = to
                assert (report["build"], report["gen"]) == (to, gen)
                assert report["switched"] == (failpoint == "before_switch")
                assert (await two.publication()).pending == ()
            await stage.play([enough()], judged=False)
            shown = await two.settled(1, gen=5)
        assert "stray-0" in shown
        assert "long-0" not in shown
        assert not readers.backwards
        mixed = await two.mixed(readers, builds)
        assert not mixed, mixed[:3]
        code, said = await two.command("cut-over", "--back", *LAG)
        assert code == 1
        assert "There is no cut-over to undo" in said
