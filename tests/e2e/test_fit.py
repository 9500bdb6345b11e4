"""A worker without a model, a fit beside it, and the same worker with one."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import pytest

from tests.cdnow_log import CUSTOMERS, ORDERS, cdnow_records
from tests.rig.script import drain, feed, start
from tests.rig.stage import Stage, Stages
from tests.rig.waiting import eventually

pytestmark = pytest.mark.timeout(240)

TAKEN_UP_SECONDS = 60.0
"""Promised from the end of `ltv fit` to the last customer published by the new model."""


async def test_a_worker_takes_up_a_fitted_model_within_a_minute_and_without_a_restart(
    stages: Stages,
) -> None:
    async with stages.open(log=cdnow_records(), AS_OF="1998-06-30") as stage:
        await stage.play([start(), feed(ORDERS), drain()])
        worker = stage.worker
        assert _published(stage, "basis") == {"formula": CUSTOMERS}
        told = await _ltv(stage, "fit", "--as-of", "1997-09-30")
        assert told["model"]["r"] == pytest.approx(0.524843, abs=5e-5)
        model_id = told["model"]["id"]
        await _in_use(stage, model_id)
        assert _published(stage, "basis") == {"model": CUSTOMERS}
        assert stage.worker is worker
        assert worker.exit_code is None
        assert (await _ltv(stage, "verify"))["equal"] is True
        assert (await worker.metrics())["ltv_model_age_seconds",] < TAKEN_UP_SECONDS

        second = (await _ltv(stage, "fit", "--as-of", "event-time", "--model", "bg"))["model"]["id"]
        await _in_use(stage, second)
        assert (await _ltv(stage, "models", "rollback"))["in_use"] == model_id
        await _in_use(stage, model_id)


async def _in_use(stage: Stage, model_id: str) -> None:
    await eventually(
        lambda: _published(stage, "model") == {model_id: CUSTOMERS},
        lambda: f"every customer by {model_id}: {_published(stage, 'model')}",
        TAKEN_UP_SECONDS,
        every_seconds=0.5,
    )


def _published(stage: Stage, field: str) -> dict[str, int]:
    """How many customers' hashes show each value of a field."""
    customers = stage.ledger.customers()
    with stage.store.pipeline(transaction=False) as pipe:
        for customer in customers:
            pipe.hget(f"{stage.settings.key_prefix}{{{customer}}}", field)
        answers: list[bytes | None] = pipe.execute()
    found = [answer.decode() for answer in answers if answer is not None]
    return {value: found.count(value) for value in set(found)}


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
