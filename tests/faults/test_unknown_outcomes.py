"""An append of which nobody can say what became of it: it is never taken for done, nor for lost."""

from __future__ import annotations

import pytest

from tests.rig.proxy import PRODUCE, Rule, Trouble, kafka_proxy
from tests.rig.script import begin, enough, folded, keep_running, launch, owns, start
from tests.rig.stage import SESSION_SECONDS, Stages
from tests.rig.waiting import eventually

pytestmark = [pytest.mark.timeout(240), pytest.mark.fault("F26")]

TROUBLES = pytest.mark.parametrize(
    "trouble", [Trouble.CUT, Trouble.LOSE_ANSWER], ids=["cut", "silent"]
)


@TROUBLES
async def test_an_append_whose_answer_is_lost_loses_and_doubles_nothing(
    stages: Stages, trouble: Trouble, long: bool
) -> None:
    """The batch is in the changelog, and its worker does not know."""
    broker = stages.broker
    for seed in stages.seeds(10 if long else 1):
        async with (
            kafka_proxy(broker.proxy_port, broker.behind_proxy) as proxy,
            stages.open(seed=seed, SLICE_RECORDS="50", REQUEST_SECONDS="4") as stage,
        ):
            lost = proxy.add(
                Rule(PRODUCE, trouble, topic=stage.settings.changelog_topic, after=20, times=3)
            )
            stage.variables["BROKERS"] = broker.proxied
            await stage.play(
                [start(), keep_running(), begin(10_000_000, rate=1_000), folded(1_500)],
                judged=False,
            )
            await eventually(lambda rule=lost: rule.struck == 3, "three answers are lost")
            await stage.play([folded(1_500), enough()])


@TROUBLES
async def test_partitions_revoked_while_an_outcome_is_unknown_lose_and_double_nothing(
    stages: Stages, trouble: Trouble, long: bool
) -> None:
    """The answer never comes, and somebody else is to take the partition over meanwhile."""
    broker = stages.broker
    for seed in stages.seeds(10 if long else 1):
        async with (
            kafka_proxy(broker.proxy_port, broker.behind_proxy) as proxy,
            stages.open(
                seed=seed, SLICE_RECORDS="50", REQUEST_SECONDS="6", REBALANCE_SECONDS="3"
            ) as stage,
        ):
            await stage.play(
                [
                    start("a", BROKERS=broker.proxied),
                    begin(10_000_000, rate=1_000),
                    folded(1_000),
                ],
                judged=False,
            )
            # From here on a is told nothing of any append: it can't hand over what is in flight.
            lost = proxy.add(Rule(PRODUCE, trouble, topic=stage.settings.changelog_topic))
            await eventually(lambda rule=lost: rule.struck > 0, "an answer is lost")
            await stage.play([launch("b"), keep_running("b")], judged=False)
            await eventually(
                lambda: stage.workers["a"].exit_code is not None,
                lambda: f"a gives up. {stage.workers['a'].last_words}",
            )
            assert stage.workers["a"].exit_code == 1
            proxy.rules.remove(lost)
            await stage.play([owns(4, "b", within=SESSION_SECONDS + 10.0), folded(1_000), enough()])
