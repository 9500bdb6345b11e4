"""A worker with two models: half the customers by each, then all by the one that is promoted."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from stream_app.core.models.published import CDNOW
from stream_app.jobs.models_topic import append_model
from stream_app.wire.models import parameters_to_json
from tests.cdnow_log import CUSTOMERS, ORDERS, cdnow_records
from tests.core.scoring import BG
from tests.rig.script import drain, feed, kill9, restart, start
from tests.rig.stage import Stage, Stages
from tests.rig.waiting import eventually

pytestmark = pytest.mark.timeout(240)

TAKEN_UP_SECONDS = 60.0
"""From a command to the last customer published by what it put into use."""
CHAMPION, CHALLENGER = replace(CDNOW, id="champion-1"), replace(BG, id="rival-1")


async def test_half_are_scored_by_the_challenger_until_it_is_promoted_rolled_back_or_withdrawn(
    stages: Stages,
) -> None:
    async with stages.open(
        log=cdnow_records(), AS_OF="1998-06-30", CHALLENGER_SHARE="0.5"
    ) as stage:
        for model in (CHAMPION, replace(CHALLENGER, role="challenger")):
            await append_model(stage.settings, model.id, parameters_to_json(model))
        await stage.play([start(), feed(ORDERS), drain()])
        halves = {one: _half(stage, one) for one in stage.ledger.customers()}
        assert 0.45 < sum(model == CHALLENGER.id for model in halves.values()) / CUSTOMERS < 0.55
        await _shows(stage, halves)
        told = await _ltv(stage, "verify")
        assert told["equal"] is True
        assert told["other_model"] == 0
        assert told["models"].keys() == {CHAMPION.id, CHALLENGER.id}
        assert await _in_use(stage, "models") == (CHAMPION.id, CHALLENGER.id)

        assert await _in_use(stage, "models", "promote", CHALLENGER.id) == (CHALLENGER.id, None)
        await _shows(stage, dict.fromkeys(halves, CHALLENGER.id))
        assert await _in_use(stage, "models", "rollback") == (CHAMPION.id, None)
        await _shows(stage, dict.fromkeys(halves, CHAMPION.id))

        challenged = await _in_use(stage, "models", "challenge", CHALLENGER.id)
        assert challenged == (CHAMPION.id, CHALLENGER.id)
        await _shows(stage, halves)
        await stage.play([kill9(), restart()], judged=False)
        await eventually(_compared(stage), "redis was compared with the state")
        await _shows(stage, halves)
        assert (await stage.worker.metrics()).get(("ltv_full_publishes_total", "model"), 0) == 0
        withdrawn = await _in_use(stage, "models", "withdraw", CHALLENGER.id, "--yes")
        assert withdrawn == (CHAMPION.id, None)
        await _shows(stage, dict.fromkeys(halves, CHAMPION.id))


async def test_without_a_share_a_challenger_scores_nobody(stages: Stages) -> None:
    async with stages.open(log=cdnow_records(), AS_OF="1998-06-30") as stage:
        for model in (CHAMPION, replace(CHALLENGER, role="challenger")):
            await append_model(stage.settings, model.id, parameters_to_json(model))
        await stage.play([start(), feed(ORDERS), drain()])
        await _shows(stage, dict.fromkeys(stage.ledger.customers(), CHAMPION.id))
        shown = stage.store.hget(f"{stage.settings.key_prefix}model:challenger", "id")
        assert shown == CHALLENGER.id.encode()


def _compared(stage: Stage) -> Callable[[], Awaitable[bool]]:
    """Whether the worker has looked at what Redis holds, and found nothing to publish."""

    async def look() -> bool:
        return await stage.worker.total("ltv_redis_up") == 1

    return look


def _half(stage: Stage, customer: str) -> str:
    """Whose a customer is, computed as schemas/redis.md says."""
    part = int(sha256(customer.encode()).hexdigest()[:16], 16) / 2**64
    return CHALLENGER.id if part < stage.settings.challenger_share else CHAMPION.id


async def _shows(stage: Stage, expected: dict[str, str]) -> None:
    """Wait until every customer's hash names its model."""
    await eventually(
        lambda: _named(stage, expected) == expected,
        lambda: "each customer by its model",
        TAKEN_UP_SECONDS,
        every_seconds=0.5,
    )


def _named(stage: Stage, customers: dict[str, str]) -> dict[str, str]:
    with stage.store.pipeline(transaction=False) as pipe:
        for customer in customers:
            pipe.hget(f"{stage.settings.key_prefix}{{{customer}}}", "model")
        answers: list[bytes | None] = pipe.execute()
    return {one: (found or b"").decode() for one, found in zip(customers, answers, strict=True)}


async def _in_use(stage: Stage, *arguments: str) -> tuple[str | None, str | None]:
    told = await _ltv(stage, *arguments)
    return told["in_use"], told["challenger"]


async def _ltv(stage: Stage, *arguments: str) -> Any:
    """The JSON of a command with the worker's settings."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("LTV_")}
    chosen = {f"LTV_{key}": value for key, value in stage.variables.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stream_app", *arguments, "--json"),
        env={**inherited, **chosen},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)
