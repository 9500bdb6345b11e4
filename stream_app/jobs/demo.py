"""`ltv demo`: real purchases through a real Kafka and the worker into Redis, then verified.

Everything runs here, in a directory that goes when the demo does: the embedded stack, and the
worker as a process of its own, as in production.  The CDNOW sample is fed through Kafka up to the
day that the papers calibrate to; a model is fitted to what the worker has folded, as `ltv fit`
does, and the worker takes it up while it runs.  The other purchases follow, scored by that model;
`ltv validate` says how right it was about them, and so does the worker, which grades its models by
what arrives.  Then the demo prints what a marketer would look at, has `ltv verify` recount
everything, and ends with the cohort report.  Exit 0 only when all is equal.  Ctrl-C at any moment
leaves nothing running.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path
from typing import Final

from stream_app.core.calendar import day_from_text
from stream_app.dev.cache import cache_directory
from stream_app.dev.cdnow import CdnowRow, cdnow_sample, read_sample
from stream_app.dev.child import Child
from stream_app.dev.ports import free_port
from stream_app.dev.stack import Stack
from stream_app.errors import Fault
from stream_app.jobs.demo_feed import Bought, Numbered, feed, traffic
from stream_app.jobs.demo_report import Fed, Population, Report
from stream_app.jobs.demo_summaries import (
    cohort_report,
    model_in_use_graded,
    partitions_up_to_date,
)
from stream_app.jobs.demo_worker import READY_SECONDS, WorkerProcess, answers, command
from stream_app.jobs.fit import fit_and_publish
from stream_app.jobs.interrupts import interruptible
from stream_app.jobs.population_reader import read_population
from stream_app.jobs.validate import as_object, split_and_grade
from stream_app.jobs.verification.printing import amount, lines
from stream_app.jobs.verify import verify
from stream_app.settings import Settings, load
from stream_app.stores.reader import score_reader
from stream_app.stores.topics import ensure_topics

AS_OF: Final = "1998-06-30"
"""The sample's last day. Scores hold as of it from the first purchase on: what they say before the
last one has come is not shown, and the instant of a worker does not change while it runs."""
CUT: Final = "1997-09-30"
"""The last day that the model is fitted to, as in the papers."""
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
        environment = _environment(stack)
        own = load(environment)
        asyncio.run(ensure_topics(own, create=True))
        report.step("Starting the worker, a process of its own")
        worker = WorkerProcess(environment, place / "worker.log")
        held.callback(worker.stop)
        worker.wait_ready()
        customers = sorted({row.master_id for row in rows})
        known, later = _split(rows)
        report.step(f"Feeding the purchases up to {CUT}")
        seconds = _feed(own, known, worker, customers, orders=len(known))
        _fit(environment, own, worker, customers, report)
        report.step(f"Feeding those after {CUT}, which the model knows nothing of")
        seconds += _feed(own, later, worker, customers, orders=len(rows))
        _validate(own, report)
        _graded(own, worker, report)
        population = _population(own, customers)
        report.population(population, Fed(len(rows), seconds))
        equal = _verify(own, report)
        report.cohorts(cohort_report(own))
        if keep:
            pages = held.enter_context(_pages(environment, place))
            _keep_running(own, rows, environment, worker, pages, report)
        report.end()
        return 0 if equal and population.revenue_minor == REVENUE_MINOR else 1


def _environment(stack: Stack) -> dict[str, str]:
    """The settings of the demo's worker: all that is not the default."""
    return {
        "LTV_BROKERS": stack.brokers,
        "LTV_REDIS_URL": stack.redis_url,
        "LTV_AS_OF": AS_OF,
        "LTV_SURVEY_SECONDS": "1",
        "LTV_HTTP_PORT": str(free_port()),
        "LTV_LOG_FORMAT": "console",
    }


def _split(rows: Sequence[CdnowRow]) -> tuple[list[Numbered], list[Numbered]]:
    """Up to CUT and after it, each in the order of the file."""
    numbered = list(enumerate(rows, 1))
    known = [one for one in numbered if one[1].day.isoformat() <= CUT]
    return known, [one for one in numbered if one[1].day.isoformat() > CUT]


def _feed(
    settings: Settings,
    rows: Sequence[Numbered],
    worker: WorkerProcess,
    customers: Sequence[str],
    orders: int,
) -> float:
    """Feed a part of the sample; seconds until Redis shows so many orders in all."""
    began = time.monotonic()
    asyncio.run(feed(settings, rows))
    worker.wait_applied(settings.topic_purchases, orders, PUBLISHED_SECONDS)
    return _wait_for(
        lambda: _population(settings, customers).orders, orders, "orders", worker, began
    )


def _wait_for(
    shown: Callable[[], int], wanted: int, what: str, worker: WorkerProcess, began: float
) -> float:
    """Seconds since `began` until Redis shows so many of something; Fault when it does not."""
    while True:
        found, seconds = shown(), time.monotonic() - began
        if found == wanted:
            return seconds
        worker.check()
        if seconds > PUBLISHED_SECONDS:
            raise Fault(
                f"After {seconds:.0f} s Redis shows {found:,} of {wanted:,} {what}; the worker's"
                " log, worker.log, says more (keep it with --dir)."
            )
        time.sleep(_POLL_SECONDS)


def _fit(
    environment: Mapping[str, str],
    settings: Settings,
    worker: WorkerProcess,
    customers: Sequence[str],
    report: Report,
) -> None:
    """What `ltv fit` does, as of CUT; returns once every customer is scored by its model."""
    report.step(f"Fitting to them as of {CUT}, while the worker runs: ltv fit")
    as_of_cut = load({**environment, "LTV_AS_OF": CUT})
    answer = fit_and_publish(as_of_cut, None, dry_run=False)
    if not answer["published"]:
        raise Fault(f"No model was fitted to the sample: {answer['reason']}.")
    name = answer["model"]["id"]

    def scored_by_it() -> int:
        hashes = _population(settings, customers).hashes.values()
        return sum(one.get("model") == name for one in hashes)

    began = time.monotonic()
    seconds = _wait_for(scored_by_it, len(customers), f"customers by {name}", worker, began)
    report.fit(answer, settings, seconds)


def _validate(settings: Settings, report: Report) -> None:
    """What `ltv validate` says of the days after CUT."""
    report.step(f"Would it have been right? ltv validate --cut {CUT}")
    known = asyncio.run(read_population(settings))
    cut_day, end_day = day_from_text(CUT), known.last_day(settings, time.time())
    found, reason = split_and_grade(settings, known, cut_day, end_day)
    report.validation(as_object(settings, cut_day, end_day, found, reason))


def _graded(settings: Settings, worker: WorkerProcess, report: Report) -> None:
    """What the worker itself says of the model it uses, once it has looked at everybody."""
    began, wanted = time.monotonic(), settings.partitions
    _wait_for(lambda: partitions_up_to_date(settings), wanted, "partitions graded", worker, began)
    report.grades(*model_in_use_graded(settings))


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
    pages: str,
    report: Report,
) -> None:
    """Live purchases until Ctrl-C; `pages` is where they can be watched."""
    report.say()
    report.say(
        "[bold]Everything keeps running, with live purchases, until Ctrl-C.[/] Try beside it:"
    )
    report.say(f"  {pages}/ moves as they come; {pages}/report?by=first-purchase is the report")
    for name, value in environment.items():
        if name in ("LTV_BROKERS", "LTV_REDIS_URL"):
            report.say(f"  export {name}={value}")
    report.say(f"  ltv show {rows[0].master_id}; ltv explain {rows[0].master_id}; ltv verify")
    report.say(f"  ltv models; LTV_AS_OF={AS_OF} ltv validate --cut {CUT} --html page.html")
    report.say(f"  curl http://127.0.0.1:{environment['LTV_HTTP_PORT']}/metrics")
    report.say()
    try:
        asyncio.run(_live(settings, rows, worker, report))
    except KeyboardInterrupt:
        report.step("Stopping")


@contextmanager
def _pages(environment: Mapping[str, str], place: Path) -> Iterator[str]:
    """`ltv serve`, a process of its own as in production; where it listens."""
    port = free_port()
    settings = {**environment, "LTV_HTTP_PORT": str(port)}
    child = Child("The pages' server", command(settings, "serve"), place / "serve.log")
    try:
        child.wait_until(lambda: answers(port), READY_SECONDS)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.stop()


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
