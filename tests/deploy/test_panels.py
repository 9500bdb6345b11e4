"""A real Prometheus asks real workers under traffic: every panel and every rule has an answer."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stream_app.core.models.published import CDNOW
from stream_app.dev.ports import HOST, free_port
from stream_app.jobs.models_topic import append_model
from stream_app.serve.server import Server
from stream_app.settings import load
from stream_app.wire.models import parameters_to_json
from tests.deploy.prometheus import Prometheus, exporter, running
from tests.deploy.runbook import blocks
from tests.deploy.tools import SELECTOR, Query, queries, rules, tool
from tests.generate import Shape
from tests.rig.script import begin, drain, enough, feed, owns, start
from tests.rig.stage import Stage, Stages
from tests.rig.waiting import eventually
from tests.rig.worker import Worker

pytestmark = pytest.mark.timeout(300)

TOKEN = "a-token-that-nobody-guesses"
FITTED_DAY = 19_300
"""In the middle of the made-up shop's time: later purchases grade the model."""
OTHERS = """\
ltv_verify_equal 1
ltv_verify_compared_customers 600
ltv_verify_wrong_dead_letters 0
ltv_verify_seconds 1
ltv_verify_mismatch_customers 0
ltv_verify_missing_customers 0
ltv_verify_extra_customers 0
ltv_verify_money_difference_minor 0
ltv_verify_finished_timestamp_seconds {now}
kube_pod_container_status_last_terminated_exitcode{{namespace="s",pod="w",container="worker"}} 1
kube_pod_container_status_running{{namespace="s",pod="w",container="worker"}} 1
node_systemd_unit_state{{name="ltv-worker@1.service",state="failed"}} 0
"""
"""As `ltv verify --metrics`, kube-state-metrics and a node exporter show them."""
COMPARISON = re.compile(r" (==|!=|<=|>=|<|>) (?!bool )")
ENOUGH_SECONDS = 120.0


@dataclass(frozen=True)
class Question:
    """What must have an answer, and the labels that the answer must have."""

    where: str
    expression: str
    labels: tuple[str, ...] = ()


def questions() -> list[Question]:
    """Of every panel, rule and line of the runbook: the whole, and each metric in it by itself.

    An alert is silent on a healthy system: asked is what is compared, by letting each comparison
    give 0 or 1 instead of nothing; `absent`, and what `unless` takes away, have an answer only in
    trouble, and their metrics are asked for by themselves.
    """
    found = [Question(one.where, _of_panel(one), one.labels) for one in queries()]
    found += [Question("the runbook", one) for one in blocks("promql")]
    for rule in rules():
        alert = rule.annotations is not None
        asked = COMPARISON.sub(r" \1 bool ", rule.expression) if alert else rule.expression
        if "absent(" not in asked and not (alert and "unless" in asked):
            found.append(Question(rule.name, asked))
    texts = {one.expression for one in found} | {rule.expression for rule in rules()}
    selectors = {each for text in texts for each in SELECTOR.findall(text)}
    return found + [Question(f"the metric {one}", one) for one in sorted(selectors)]


def _of_panel(query: Query) -> str:
    """With the page's variables in their first position."""
    text = query.expression.replace("$__rate_interval", "1m")
    return text.replace("$namespace", ".*").replace("$minor_units", "100")


async def test_every_panel_and_every_rule_has_data_under_traffic(
    stages: Stages, tmp_path: Path
) -> None:
    program = tool("prometheus", "prometheus")
    shape = Shape(
        seed=stages.seed,
        customers=300,
        records=9_000,
        duplicates=0.02,
        foreign=0.2,
        unrated=0.5,
        poison={"not_json": 0.004},
    )
    async with stages.open(shape, AS_OF="event-time", SURVEY_SECONDS="0.5") as stage:
        model = replace(CDNOW, id="fitted-1", fitted_at=FITTED_DAY * 86_400)
        await append_model(stage.settings, model.id, parameters_to_json(model))
        async with _watched(stage, program, tmp_path) as (prometheus, ask):
            await stage.play([begin(9_000, rate=250)], judged=False)
            left = questions()

            async def answered() -> bool:
                await ask()
                left[:] = [one for one in left if not await _has_answer(prometheus, one)]
                return not left

            await eventually(
                answered, lambda: "\n".join(map(str, left)), ENOUGH_SECONDS, every_seconds=1.0
            )
            assert await prometheus.faults() == []
            # Those that fire at once say what may never be; the others have not had their time.
            firing = [one for one in await prometheus.alerts() if one["state"] == "firing"]
            assert firing == []
            await stage.play([enough(), drain()], judged=False)
            await eventually(lambda: _adds_up(stage), "tiers and cohorts have all the money")


@asynccontextmanager
async def _watched(
    stage: Stage, program: str, directory: Path
) -> AsyncIterator[tuple[Prometheus, Callable[[], Awaitable[None]]]]:
    """Two workers, two servers of which one has no Redis, and a Prometheus that watches all.

    The second worker comes when there is something in the state: both look at what they hold then,
    and not only a minute later.
    """
    await stage.play([start("one"), feed(1_500), drain(), start("two")], judged=False)
    await stage.play([owns(4, "one", "two", within=60.0)], judged=False)
    good, bad = _server(stage), _server(stage, REDIS_URL=f"redis://{HOST}:{free_port()}/0")
    addresses = [(await one.start()).removeprefix("http://") for one in (good, bad)]
    now = str(asyncio.get_running_loop().time())
    try:
        async with exporter(OTHERS.format(now=now)) as others, aiohttp.ClientSession() as session:
            targets = {
                "ltv-worker": [_address(one) for one in stage.workers.values()],
                "ltv-serve": addresses,
                "others": [others],
            }

            async def ask() -> None:
                """Questions for the servers to answer, so that there is something to count."""
                for address in addresses:
                    headers = {"Authorization": f"Bearer {TOKEN}"}
                    url = f"http://{address}/v1/customers/c-1"
                    async with session.get(url, headers=headers) as answer:
                        await answer.read()

            async with running(program, targets, TOKEN, directory) as prometheus:
                yield prometheus, ask
    finally:
        for server in (good, bad):
            await server.stop()


def _server(stage: Stage, **changes: str) -> Server:
    """`ltv serve` with the worker's settings."""
    chosen = stage.variables | {"HTTP_PORT": "0", "SERVE_TOKEN": TOKEN} | changes
    return Server(load({f"LTV_{name}": value for name, value in chosen.items()}))


def _address(worker: Worker) -> str:
    assert worker.url is not None
    return worker.url.removeprefix("http://")


async def _has_answer(prometheus: Prometheus, question: Question) -> bool:
    """At least one number, and each series with what the legend shows."""
    found: list[dict[str, Any]] = await prometheus.value(question.expression)
    numbers = [one for one in found if not math.isnan(float(one["value"][1]))]
    labelled = all(label in one["metric"] for one in numbers for label in question.labels)
    return bool(numbers) and labelled


async def _adds_up(stage: Stage) -> bool:
    """Whether tiers and cohorts hold everybody and all the money that the ledger knows."""
    shown = [await worker.metrics() for worker in stage.workers.values()]

    def total(name: str) -> float:
        return sum(value for one in shown for key, value in one.items() if key[0] == name)

    customers, revenue = len(stage.ledger.customers()), stage.ledger.revenue_minor()
    return (
        total("ltv_tier_customers") == total("ltv_cohort_customers") == customers
        and total("ltv_tier_revenue_minor") == total("ltv_cohort_revenue_minor") == revenue
    )
