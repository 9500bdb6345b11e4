"""Replay against the live worker, on one log and in one run: CPU an event, and events a second."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
from typing import Any

from tests.bench.bed import Bed, cpu_seconds, until_published
from tests.bench.feed import purchases, send
from tests.bench.results import Figure

EVENTS = 1_000_000
CUSTOMERS = 100_000
ROUNDS = 3


async def run(bed: Bed) -> list[Figure]:
    """The worker first, then replays in one process and in one a core."""
    own = {"APP_ID": "live", "MODEL_FILE": str(bed.model_file)}
    await bed.make_topics(**own)
    await send(bed.stack.brokers, "purchases", 8, purchases(EVENTS, CUSTOMERS))
    async with bed.worker(bed.variables(**own)) as worker:
        exact = await until_published(worker, EVENTS)
        live_us = cpu_seconds(worker.pid) / EVENTS * 1e6
        live_rate = EVENTS / (exact - worker.began)
    alone = [await _replay(bed, own, processes=1) for _ in range(ROUNDS)]
    cores = [await _replay(bed, own, processes=os.cpu_count() or 1) for _ in range(ROUNDS)]
    assert len({told["state_hash"] for told in alone + cores}) == 1
    cpu_us = statistics.median(told["cpu_seconds"] / EVENTS * 1e6 for told in alone)
    rate = statistics.median(EVENTS / told["seconds"] for told in cores)
    note = f"median of {ROUNDS}, {EVENTS:,} events, {CUSTOMERS:,} customers, scores in memory"
    return [
        Figure("replay, CPU", cpu_us, "us an event", "", note),
        Figure("live worker, CPU over replay's", live_us / cpu_us, "times", ">= 5", note),
        Figure("replay, one process a core", rate, "events/s", "", note),
        Figure("replay's rate over the live worker's", rate / live_rate, "times", "", note),
    ]


async def _replay(bed: Bed, own: dict[str, str], processes: int) -> dict[str, Any]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LTV_")}
    environ |= {f"LTV_{name}": value for name, value in bed.variables(**own).items()}
    words = (sys.executable, "-m", "stream_app", "replay", "--json", "--processes", str(processes))
    process = await asyncio.create_subprocess_exec(
        *words, env=environ, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    told: dict[str, Any] = json.loads(out)
    return told
