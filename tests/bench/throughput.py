"""A backlog worked off: CPU a event and wall time until Redis is exact, ours and the textbook's."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time

from stream_app.dev.child import Child
from tests.bench.bed import Bed, cpu_seconds, until_published
from tests.bench.feed import purchases, send
from tests.bench.results import Figure

EVENTS = 1_000_000
CUSTOMERS = 100_000
TEXTBOOK_EVENTS = 20_000
ROUNDS = 3


async def full_work(bed: Bed) -> list[Figure]:
    """Decode, fold, changelog acknowledged, scores in Redis: a million events, three times."""
    cpu, wall = [], []
    for number in range(1, ROUNDS + 1):
        own = {"APP_ID": f"bench{number}", "KEY_PREFIX": f"bench{number}:"}
        await bed.make_topics(**own)
        if number == 1:
            sent = await send(bed.stack.brokers, "purchases", 8, purchases(EVENTS, CUSTOMERS))
            assert sent == EVENTS
        async with bed.worker(bed.variables(**own, MODEL_FILE=str(bed.model_file))) as worker:
            # Ready after about half a second; what it has folded by then counts as well.
            exact = await until_published(worker, EVENTS)
            cpu.append(cpu_seconds(worker.pid) / EVENTS * 1e6)
            wall.append(EVENTS / (exact - worker.began))
    rounds = f"median of {ROUNDS}, {EVENTS:,} events, {CUSTOMERS:,} customers, from process start"
    return [
        Figure("full work, worker CPU", statistics.median(cpu), "us an event", "<= 12.5", rounds),
        Figure("full work, wall", statistics.median(wall), "events/s", ">= 60,000", rounds),
    ]


async def textbook(bed: Bed, ours_us: float) -> list[Figure]:
    """The textbook Faust app on the same broker, on a backlog that it can finish."""
    topic = "purchases-textbook"
    await bed.make_topics(TOPIC_PURCHASES=topic, APP_ID="textbook-topics")
    await send(bed.stack.brokers, topic, 8, purchases(TEXTBOOK_EVENTS, CUSTOMERS))
    log = bed.directory / "textbook.log"
    command = [sys.executable, "-m", "tests.bench.textbook", bed.stack.brokers]
    variables = ["/usr/bin/env", f"EVENTS={TEXTBOOK_EVENTS}"]
    child = Child("textbook", [*variables, *command, bed.stack.redis_url, topic, "8"], log)
    try:
        began = time.monotonic()
        while "done" not in log.read_text():
            if not child.alive() or time.monotonic() - began > 300:
                raise RuntimeError(child.last_words())
            await asyncio.sleep(0.1)
        cpu = cpu_seconds(child.pid) / TEXTBOOK_EVENTS * 1e6
    finally:
        child.kill()
    note = f"{TEXTBOOK_EVENTS:,} events, count and sum only"
    return [
        Figure("textbook Faust app, CPU", cpu, "us an event", "", note),
        Figure(
            "textbook's CPU over ours", cpu / ours_us, "times", ">= 30", "same broker, same run"
        ),
    ]


async def run(bed: Bed) -> list[Figure]:
    """Both."""
    figures = await full_work(bed)
    return figures + await textbook(bed, figures[0].value)
