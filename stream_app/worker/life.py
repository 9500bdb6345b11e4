"""A worker's life: check, start, wait, hand over or fail, and the exit code."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka.errors import KafkaError, KafkaTimeoutError

from stream_app import failpoints
from stream_app.errors import ConfigurationError, Deposed, Fault, LtvError
from stream_app.settings import Settings
from stream_app.stores.kafka_trouble import foreseen
from stream_app.stores.topic_plan import Role
from stream_app.stores.topics import ensure_topics

if TYPE_CHECKING:
    from stream_app.wiring import Worker

log = structlog.get_logger(__name__)

STOP_SECONDS = 10.0
"""How long a worker that was asked to stop may take to hand everything over."""
OWN_TOPICS: tuple[Role, ...] = ("changelog",)
"""What a worker makes by itself; the other topics belong to those who produce."""


def run(settings: Settings, build: Callable[[], Worker]) -> int:
    """Run what ``build`` makes until it is told to stop or fails; returns the exit code."""
    failpoints.arm(settings.failpoint)
    # A backlog is a hundred thousand records that live for a second: with Python's thresholds the
    # collector walks them over and over and finds nothing, at a tenth of the worker's time.
    gc.set_threshold(100_000, 50, 100)
    try:
        asyncio.run(_live(settings, build))
    except LtvError as reason:
        return report(reason)
    return 0


async def _live(settings: Settings, build: Callable[[], Worker]) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    worker = build()
    url = await worker.http.start()
    log.info("worker starts", group=settings.group, brokers=settings.brokers, http=url)
    fault = asyncio.ensure_future(worker.fate.wait())
    stop_asked = asyncio.ensure_future(asked.wait())
    starting = worker.fate.watch(asyncio.create_task(_start(worker), name="start"))
    ends: set[asyncio.Future[Any]] = {fault, stop_asked}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    if not fault.done():
        starting.cancel()
        await _hand_over(worker, fault)
    if worker.fate.reason is not None:
        # A fault ends the process at once, without tidying: what was not acknowledged is read
        # again, and tidying up after a fault is how half-done work gets acknowledged.
        leave(report(worker.fate.reason))
    log.info("worker stopped")


async def _hand_over(worker: Worker, fault: asyncio.Future[BaseException]) -> None:
    """Stop within a bound; what can't be handed over by then becomes a fault."""
    stopping = asyncio.ensure_future(_stop(worker))
    ends: set[asyncio.Future[Any]] = {fault, stopping}
    await asyncio.wait(ends, timeout=STOP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        stopping.result()
    elif not fault.done():
        worker.fate.fail(
            Fault(
                f"not everything could be handed over within {STOP_SECONDS:g} s; the rest is "
                "read again at the next start"
            )
        )


async def _start(worker: Worker) -> None:
    """Check the topics, connect, find the model, start Faust and all that works beside it."""
    await _check_topics(worker.settings)
    for reader in worker.readers:
        await reader.start()
    _kafka_answered(worker)
    await worker.models.first()
    app, fate = worker.app, worker.fate
    producer = await app.maybe_start_producer()
    worker.changelog.producer = worker.letters.producer = app.aiokafka_producer
    assert producer is not None
    for name, task in {
        "app": _watch_app(worker),
        "faust": app.start(),
        "publisher": worker.publisher.run(),
        "models": worker.models.run(),
        "audit": worker.audit.run(),
        "cohorts": worker.counting.run(),
        "survey": worker.survey.run(),
        "status": worker.reporter.run(),
        "idle check": _check_idle(worker),
    }.items():
        fate.watch(asyncio.create_task(task, name=name))


async def _stop(worker: Worker) -> None:
    """Hand over: slices in flight acknowledged, offsets committed, scores published, group left."""
    if worker.app.started:
        await worker.app.stop()
    await worker.publisher.stop()
    worker.partitions.stop()
    for reader in worker.readers:
        await reader.stop()
    if worker.tracing is not None:
        await asyncio.to_thread(worker.tracing.close)
    await worker.http.stop()


async def _check_topics(settings: Settings) -> None:
    """Make the changelog where it is missing; refuse topics that can't be right."""
    report = await ensure_topics(settings, create=True, roles=OWN_TOPICS)
    if report.problems:
        raise ConfigurationError(report.problems[0].sentence)
    for finding in report.warnings:
        log.warning(finding.sentence)


async def _watch_app(worker: Worker) -> None:
    """A Faust app that crashed is a fault of the worker."""
    await worker.app.wait_until_stopped()
    reason = worker.app.crash_reason
    if reason is not None:
        raise reason


async def _check_idle(worker: Worker) -> None:
    while True:
        await asyncio.sleep(worker.settings.idle_check)
        worker.app.check_group()
        if worker.app.rebalancing:
            continue
        try:
            await worker.partitions.check_idle()
        except Deposed:
            # The heir's claim is rightful where a rebalance began while the broker was asked.
            if not worker.app.rebalancing:
                raise
        except KafkaError as error:
            if not error.retriable and not isinstance(error, KafkaTimeoutError):
                raise
            log.info("the changelog's end can't be asked for now", why=repr(error))
        else:
            _kafka_answered(worker)


def _kafka_answered(worker: Worker) -> None:
    """A worker that has nothing to read must not look well while it reaches no broker."""
    worker.metrics.set("ltv_kafka_answered_timestamp_seconds", time.time())


def report(reason: BaseException) -> int:
    """One sentence for whoever is on call, and the exit code that tells the supervisor."""
    known = foreseen(reason)
    if known is not None:
        log.error(str(known), exit_code=known.exit_code)
        return known.exit_code
    log.error("unexpected fault; restarting is safe", exc_info=reason, exit_code=Fault.exit_code)
    return Fault.exit_code


def leave(code: int) -> None:
    """End the process now."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
