"""Build a worker out of its parts and run it: the one file that knows everybody."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import structlog
from aiokafka.errors import KafkaError, KafkaTimeoutError

from stream_app import failpoints
from stream_app.core.calendar import Calendar, tzdata_version
from stream_app.errors import ConfigurationError, Fault, LtvError
from stream_app.metrics import Metrics
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.stores.topic_plan import Role
from stream_app.stores.topics import ensure_topics
from stream_app.wire.changelog import Watermark
from stream_app.wire.events import Decoder
from stream_app.wire.partitioner import PARTITIONERS
from stream_app.wire.state import STATE_VERSION
from stream_app.worker.agent import Agent
from stream_app.worker.app import LtvApp, connect, new_app
from stream_app.worker.changelog import Changelog
from stream_app.worker.fate import Fate
from stream_app.worker.fold import Rules
from stream_app.worker.http import HttpServer
from stream_app.worker.letters import Letters
from stream_app.worker.partitions import Partitions
from stream_app.worker.source import Sources

log = structlog.get_logger(__name__)

STOP_SECONDS = 10.0
"""How long a worker that was asked to stop may take to hand everything over."""


@dataclass
class Worker:
    """The parts of a worker, built and not yet started."""

    settings: Settings
    app: LtvApp
    partitions: Partitions
    changelog: Changelog
    letters: Letters
    readers: tuple[LogReader, ...]
    http: HttpServer
    metrics: Metrics
    fate: Fate


def run_worker(settings: Settings) -> int:
    """Run a worker until it is told to stop or fails; returns the exit code."""
    failpoints.arm(settings.failpoint)
    try:
        asyncio.run(_run(settings))
    except LtvError as reason:
        return _report(reason)
    return 0


async def _run(settings: Settings) -> None:
    await _check_topics(settings)
    worker = build(settings)
    url = await worker.http.start()
    log.info("worker starts", group=settings.group, brokers=settings.brokers, http=url)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await start(worker)
    fault = asyncio.ensure_future(worker.fate.wait())
    asked = asyncio.ensure_future(stopped.wait())
    await asyncio.wait({fault, asked}, return_when=asyncio.FIRST_COMPLETED)
    if not fault.done():
        stopping = asyncio.ensure_future(stop(worker))
        await asyncio.wait({fault, stopping}, timeout=STOP_SECONDS, return_when="FIRST_COMPLETED")
        if stopping.done() and not fault.done():
            stopping.result()
            log.info("worker stopped")
            return
        if not fault.done():
            worker.fate.fail(
                Fault(
                    f"not everything could be handed over within {STOP_SECONDS:g} s; "
                    "the rest is read again at the next start"
                )
            )
    # A fault ends the process at once, without tidying: what was not acknowledged is read again,
    # and tidying up after a fault is how half-done work gets acknowledged.
    assert worker.fate.reason is not None
    code = _report(worker.fate.reason)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


async def start(worker: Worker) -> None:
    """Connect the readers, start Faust, hand its producer to those who append."""
    for reader in worker.readers:
        await reader.start()
    app = worker.app
    worker.fate.watch(asyncio.create_task(_watch_app(worker), name="app"))
    await app.maybe_start_producer()
    worker.changelog.producer = worker.letters.producer = app.aiokafka_producer
    worker.fate.watch(asyncio.create_task(app.start(), name="faust"))
    worker.fate.watch(asyncio.create_task(_check_idle(worker), name="idle check"))


async def stop(worker: Worker) -> None:
    """Hand over: slices in flight are acknowledged, offsets committed, the group left."""
    await worker.app.stop()
    worker.partitions.stop()
    for reader in worker.readers:
        await reader.stop()
    await worker.http.stop()


def build(settings: Settings) -> Worker:
    """Make every part and introduce it to those it works with; nothing is started."""
    metrics, fate = Metrics(version("ltv-live")), Fate()
    app = new_app(settings, fate)
    changelog_reader, source_reader = LogReader(settings), LogReader(settings)
    changelog = Changelog(settings, changelog_reader)
    letters = Letters(settings.topic_dead_letters)
    sources = Sources(settings, source_reader, nothing_yet(settings))
    partitions = Partitions(
        settings, changelog, sources, app.committed, letters.send, Nobody(), metrics, fate
    )
    connect(app, partitions, Agent(settings, partitions, rules(settings), metrics, fate, app.taken))

    def ready() -> tuple[bool, Mapping[str, Any]]:
        recovering = sorted(partitions.recovering)
        is_ready = not app.rebalancing and not recovering and app.has_recovered
        return is_ready, {"partitions": sorted(partitions.held), "recovering": recovering}

    http = HttpServer(settings.http_host, settings.http_port, metrics, ready)
    return Worker(
        settings,
        app,
        partitions,
        changelog,
        letters,
        (changelog_reader, source_reader),
        http,
        metrics,
        fate,
    )


def rules(settings: Settings) -> Rules:
    """What folding depends on, from the settings."""
    calendar = Calendar(settings.time_zone)
    roles = ("purchases", "signups", "activity")
    return Rules(
        decoders={
            topic: Decoder(role, calendar, settings.currency, settings.max_value)
            for role, topic in zip(roles, settings.source_topics, strict=True)
        },
        partitions=settings.partitions,
        partition_of=PARTITIONERS[settings.partitioner],
        # A wider layout can grow a state by less than a factor of 2.7 within a slice.
        byte_limit=settings.slice_bytes // 3,
    )


def nothing_yet(settings: Settings) -> Watermark:
    """The watermark of an empty state under these settings."""
    return Watermark(
        sources={},
        state_version=STATE_VERSION,
        time_zone=settings.time_zone,
        currency=settings.currency,
        partitioner=settings.partitioner,
        tzdata=tzdata_version(),
        partitions=settings.partitions,
    )


async def _check_topics(settings: Settings) -> None:
    """Make the changelog where it is missing; refuse topics that can't be right."""
    own: tuple[Role, ...] = ("changelog",)
    report = await ensure_topics(settings, create=True, roles=own)
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
        if worker.app.rebalancing:
            continue
        try:
            await worker.partitions.check_idle()
        except KafkaError as error:
            if not error.retriable and not isinstance(error, KafkaTimeoutError):
                raise
            log.info("the changelog's end can't be asked for now", why=repr(error))


def _report(reason: BaseException) -> int:
    """One sentence for whoever is on call, and the exit code that tells the supervisor."""
    if isinstance(reason, LtvError):
        log.error(str(reason), exit_code=reason.exit_code)
        return reason.exit_code
    log.error("unexpected fault; restarting is safe", exc_info=reason, exit_code=Fault.exit_code)
    return Fault.exit_code


class Nobody:
    """Follows no partition."""

    def add(self, partition: Any) -> None:
        """Nothing to publish to."""

    def drop(self, number: int) -> None:
        """Nothing was published."""
