"""`ltv demo`: real purchases through a real Kafka and the worker into Redis, then verified.

Everything runs here, in a directory that goes when the demo does: the embedded stack, and the
worker as a process of its own, as in production.  The CDNOW sample is fed through Kafka, the demo
waits until Redis shows all of it, prints what a marketer would look at, and has `ltv verify`
recount everything.  Exit 0 only when all is equal.  Ctrl-C at any moment leaves nothing running.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path
from typing import Final

from stream_app.core.models.published import CDNOW
from stream_app.dev.cache import cache_directory
from stream_app.dev.cdnow import CdnowRow, cdnow_sample, read_sample
from stream_app.dev.ports import free_port
from stream_app.dev.stack import Stack
from stream_app.errors import Fault
from stream_app.jobs.demo_feed import Bought, feed, traffic
from stream_app.jobs.demo_report import Fed, Population, Report
from stream_app.jobs.demo_worker import WorkerProcess
from stream_app.jobs.interrupts import interruptible
from stream_app.jobs.verification.printing import amount, lines
from stream_app.jobs.verify import verify
from stream_app.settings import Settings, load
from stream_app.stores.reader import score_reader
from stream_app.stores.topics import ensure_topics
from stream_app.wire.models import parameters_to_json

AS_OF: Final = "1998-06-30"
"""The sample's last day."""
REVENUE_MINOR: Final = 24_409_194
"""Of the whole sample, in cents."""
PUBLISHED_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.02


def run(
    settings: Settings,
    *,
    keep: bool = False,
    directory: Path | None = None,
    as_json: bool = False,
) -> int:
    """Run the demo; 0 when all is equal, 1 when anything differs.

    `settings` are those around the demo, which has its own: what it shows must not depend on them.
    """
    del settings
    report = Report(as_json=as_json)
    with interruptible(), ExitStack() as held:
        place = held.enter_context(_place(directory))
        report.step("Starting a real Kafka and a real Valkey; the first time they are fetched")
        rows = list(read_sample(cdnow_sample(cache_directory(), report.step)))
        stack = held.enter_context(Stack(place / "stack", progress=report.step))
        environment = _environment(stack, place)
        own = load(environment)
        asyncio.run(ensure_topics(own, create=True))
        report.step("Starting the worker, a process of its own")
        worker = WorkerProcess(environment, place / "worker.log")
        held.callback(worker.stop)
        worker.wait_ready()
        fed, population = _feed(own, rows, worker)
        report.population(population, fed, _model_words())
        equal = _verify(own, report)
        if keep:
            _keep_running(own, rows, environment, worker, report)
        report.end()
        return 0 if equal and population.revenue_minor == REVENUE_MINOR else 1


def _environment(stack: Stack, place: Path) -> dict[str, str]:
    """The settings of the demo's worker: all that is not the default."""
    model = place / "model.json"
    model.write_bytes(parameters_to_json(CDNOW))
    return {
        "LTV_BROKERS": stack.brokers,
        "LTV_REDIS_URL": stack.redis_url,
        "LTV_AS_OF": AS_OF,
        "LTV_MODEL_FILE": str(model),
        "LTV_HTTP_PORT": str(free_port()),
        "LTV_LOG_FORMAT": "console",
    }


def _model_words() -> str:
    """Which model, and that its parameters are not ours."""
    buying = "MBG/NBD and Gamma-Gamma" if CDNOW.kind == "mbg" else CDNOW.kind
    return f"{buying} with parameters published for this very data ({CDNOW.id}), not fitted here"


def _feed(
    settings: Settings, rows: Sequence[CdnowRow], worker: WorkerProcess
) -> tuple[Fed, Population]:
    """Feed the sample; wait until Redis shows all of it."""
    began = time.monotonic()
    asyncio.run(feed(settings, rows))
    worker.wait_applied(settings.topic_purchases, len(rows), PUBLISHED_SECONDS)
    customers = sorted({row.master_id for row in rows})
    while True:
        population = _population(settings, customers)
        seconds = time.monotonic() - began
        if population.orders == len(rows):
            return Fed(len(rows), seconds), population
        worker.check()
        if seconds > PUBLISHED_SECONDS:
            raise Fault(
                f"After {seconds:.0f} s Redis shows {population.orders:,} of {len(rows):,} orders;"
                " the worker's log, worker.log, says more (keep it with --dir)."
            )
        time.sleep(_POLL_SECONDS)


def _population(settings: Settings, customers: Sequence[str]) -> Population:
    """Every customer's hash, as it is in Redis now."""
    with score_reader(
        settings.redis_url, settings.redis_url, settings.key_prefix, settings.build
    ) as reader:
        hashes = reader.customers([customer.encode() for customer in customers])
    texts = ({k.decode(): v.decode() for k, v in (one or {}).items()} for one in hashes)
    return Population(dict(zip(customers, texts, strict=True)), settings.currency)


def _verify(settings: Settings, report: Report) -> bool:
    """Recount everything by brute force."""
    report.step("Recounting everything from the topics by brute force")
    findings = asyncio.run(verify(settings))
    report.verdict(list(lines(findings, settings.currency)), findings.as_json())
    return findings.equal


def _keep_running(
    settings: Settings,
    rows: Sequence[CdnowRow],
    environment: Mapping[str, str],
    worker: WorkerProcess,
    report: Report,
) -> None:
    """Live purchases until Ctrl-C."""
    report.say()
    report.say(
        "[bold]Everything keeps running, with live purchases, until Ctrl-C.[/] Try beside it:"
    )
    for name, value in environment.items():
        if name in ("LTV_BROKERS", "LTV_REDIS_URL"):
            report.say(f"  export {name}={value}")
    report.say(f"  ltv show {rows[0].master_id}; ltv explain {rows[0].master_id}; ltv verify")
    report.say(f"  curl http://127.0.0.1:{environment['LTV_HTTP_PORT']}/metrics")
    report.say()
    try:
        asyncio.run(_live(settings, rows, worker, report))
    except KeyboardInterrupt:
        report.step("Stopping")


async def _live(
    settings: Settings, rows: Sequence[CdnowRow], worker: WorkerProcess, report: Report
) -> None:
    async with aclosing(traffic(settings, rows)) as purchases:
        async for one in purchases:
            worker.check()
            report.say(_told(one, settings.currency))


def _told(one: Bought, currency: str) -> str:
    bought = f"{one.customer} bought for {one.amount}"
    if one.milliseconds is None:
        return f"{bought}: not in Redis yet"
    ltv = amount(int(one.shown.get("ltv", 0)), currency)
    alive = float(one.shown.get("p_alive", "nan"))
    return f"{bought}: {one.milliseconds:.0f} ms later LTV is {ltv}, P(alive) {alive:.3f}"


@contextmanager
def _place(directory: Path | None) -> Iterator[Path]:
    """The directory of everything; without one, a temporary one."""
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="ltv-demo-", ignore_cleanup_errors=True) as temporary:
        yield Path(temporary)
