"""The broker is killed, slow, or silent at the worst moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rig.proxy import FETCH, OFFSET_COMMIT, PRODUCE, Rule, Trouble, kafka_proxy
from tests.rig.script import (
    begin,
    enough,
    folded,
    kafka_kill,
    kafka_start,
    keep_running,
    ready,
    reread,
    start,
)
from tests.rig.servers import Broker
from tests.rig.stage import Stages
from tests.rig.waiting import eventually

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("trouble", [Trouble.CUT, Trouble.LOSE_ANSWER], ids=["cut", "silent"])
async def test_an_append_whose_answer_is_lost_loses_and_doubles_nothing(
    stages: Stages, trouble: Trouble
) -> None:
    """The batch is in the changelog, and its worker does not know."""
    broker = stages.broker
    async with (
        kafka_proxy(broker.proxy_port, broker.behind_proxy) as proxy,
        stages.open(SLICE_RECORDS="50", REQUEST_SECONDS="4") as stage,
    ):
        lost = proxy.add(
            Rule(PRODUCE, trouble, topic=stage.settings.changelog_topic, after=20, times=3)
        )
        stage.variables["BROKERS"] = broker.proxied
        await stage.play(
            [start(), keep_running(), begin(1_000_000, rate=1_000), folded(1_500)], judged=False
        )
        await eventually(lambda: lost.struck == 3, "three answers are lost")
        await stage.play([folded(1_500), enough()])


CODES = {
    PRODUCE: (6, 7, 10, 19, 20, 29, 45, 46),
    OFFSET_COMMIT: (16, 22, 25, 27),
    FETCH: (1, 6),
}
"""Error codes a broker may answer with, by API: https://kafka.apache.org/protocol#protocol_error_codes"""


@pytest.mark.parametrize("api", CODES, ids=["produce", "offset commit", "fetch"])
async def test_no_error_code_of_the_broker_loses_or_doubles_anything(
    stages: Stages, api: int
) -> None:
    """Some are survived, some end the worker with 1; what it holds is right in any case."""
    broker = stages.broker
    async with (
        kafka_proxy(broker.proxy_port, broker.behind_proxy) as proxy,
        stages.open(SLICE_RECORDS="50", SESSION_SECONDS="2", REQUEST_SECONDS="5") as stage,
    ):
        name = stage.settings.changelog_topic if api == PRODUCE else ""
        stage.variables["BROKERS"] = broker.proxied
        await stage.play(
            [start(), keep_running(), begin(1_000_000, rate=500), folded(500)], judged=False
        )
        for code in CODES[api]:
            error = proxy.add(Rule(api, Trouble.ERROR, topic=name, code=code, times=1))
            await eventually(lambda rule=error: rule.struck == 1, f"error {code} strikes")
            await stage.play([folded(500)], judged=False)
        await stage.play([enough()])


async def test_a_killed_broker_comes_back_and_nothing_is_lost(
    stages: Stages, tmp_path: Path
) -> None:
    broker = Broker(tmp_path / "kafka")
    with broker.kafka:
        async with stages.open(broker=broker, REQUEST_SECONDS="10") as stage:
            await stage.play(
                [
                    start(),
                    keep_running(),
                    begin(1_000_000, rate=1_000),
                    folded(1_000),
                    kafka_kill(),
                    kafka_start(),
                    ready(seconds=60.0),
                    folded(1_000),
                    kafka_kill(),
                    kafka_start(),
                    ready(seconds=60.0),
                    folded(1_000),
                    enough(),
                    reread(),
                ]
            )
