"""Build a worker out of its parts: the one file that knows everybody."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from stream_app.core.calendar import Calendar
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.money import EXPONENTS
from stream_app.core.score import ScoreSettings
from stream_app.core.segments import TierBounds
from stream_app.errors import ConfigurationError
from stream_app.metrics import Metrics
from stream_app.settings import Settings
from stream_app.settings.declaration import url_without_password
from stream_app.stores.address import address
from stream_app.stores.keys import Keys
from stream_app.stores.log_reader import LogReader
from stream_app.stores.scores import ScoreStore
from stream_app.wire.beginning import nothing_yet as nothing_yet
from stream_app.wire.events import Decoder
from stream_app.wire.partitioner import PARTITIONERS
from stream_app.worker.agent import Agent
from stream_app.worker.app import LtvApp, connect, new_app
from stream_app.worker.audit import Audit
from stream_app.worker.changelog import Changelog
from stream_app.worker.counting import Counting
from stream_app.worker.fate import Fate
from stream_app.worker.fold import Rules
from stream_app.worker.http import HttpServer
from stream_app.worker.letters import Letters
from stream_app.worker.model_source import ModelSource
from stream_app.worker.partitions import Partitions
from stream_app.worker.publishing.coalescing import Coalescing
from stream_app.worker.publishing.publisher import Options, Publisher
from stream_app.worker.publishing.scoring import AsOf, Scoring
from stream_app.worker.source import Sources
from stream_app.worker.status import Reporter
from stream_app.worker.survey import Survey

if TYPE_CHECKING:
    from stream_app.worker.tracing import Tracing

FOLDED_A_SECOND = 50_000
"""About what one core folds: turns a backlog in records into one in seconds."""


@dataclass
class Worker:
    """The parts of a worker, built and not yet started."""

    settings: Settings
    app: LtvApp
    partitions: Partitions
    changelog: Changelog
    letters: Letters
    readers: tuple[LogReader, ...]
    publisher: Publisher
    models: ModelSource
    audit: Audit
    counting: Counting
    survey: Survey
    reporter: Reporter
    http: HttpServer
    metrics: Metrics
    fate: Fate
    tracing: Tracing | None


def run_worker(settings: Settings) -> int:
    """Run a worker until it is told to stop or fails; returns the exit code."""
    from stream_app.worker.life import run

    return run(settings, partial(build, settings))


def build(settings: Settings) -> Worker:
    """Make every part and introduce it to those it works with; nothing is started."""
    metrics, fate = Metrics(version("ltv-live")), Fate()
    app = new_app(settings, fate)
    changelog_reader, source_reader, model_reader = (LogReader(settings) for _ in range(3))
    changelog = Changelog(settings, changelog_reader)
    letters = Letters(settings.topic_dead_letters)
    sources = Sources(settings, source_reader, nothing_yet(settings))
    tracing = new_tracing(settings)
    publisher = new_publisher(settings, metrics, app, tracing)
    partitions = Partitions(
        settings, changelog, sources, app.committed, letters.send, publisher, metrics, fate
    )
    agent = Agent(settings, partitions, rules(settings), metrics, fate, app.taken, tracing)
    connect(app, partitions, agent)

    def ready() -> tuple[bool, Mapping[str, Any]]:
        recovering = sorted(partitions.recovering)
        is_ready = not app.rebalancing and not recovering and app.has_recovered
        return is_ready, {
            "partitions": sorted(partitions.held),
            "recovering": recovering,
            "published": publisher.settled,
        }

    return Worker(
        settings,
        app,
        partitions,
        changelog,
        letters,
        (changelog_reader, source_reader, model_reader),
        publisher,
        ModelSource(settings, model_reader, metrics, publisher.set_parameters),
        Audit(settings, app, partitions, metrics),
        Counting(settings, lambda: partitions.held, publisher, metrics, time.time),
        Survey(
            lambda: partitions.held,
            publisher,
            metrics,
            settings.survey_seconds,
            busy=lambda: app.records_behind() > FOLDED_A_SECOND,
        ),
        Reporter(lambda: partitions.held, app.lag, publisher),
        HttpServer(settings.http_host, settings.http_port, metrics, ready),
        metrics,
        fate,
        tracing,
    )


def new_tracing(settings: Settings) -> Tracing | None:
    """What makes traces; None, and nothing imported, where none are wanted."""
    if not settings.otel:
        return None
    try:
        from stream_app.worker.tracing import Tracing
    except ImportError as error:
        raise ConfigurationError(
            f"LTV_OTEL needs OpenTelemetry, and it is not there ({error}): pip install"
            " 'ltv-live[otel]', or unset it"
        ) from error
    return Tracing()


def rules(settings: Settings) -> Rules:
    """What folding depends on, from the settings."""
    if settings.currency not in EXPONENTS:
        raise ConfigurationError(
            f"LTV_CURRENCY={settings.currency} is no ISO 4217 currency with a minor unit"
        )
    calendar = Calendar(settings.time_zone)
    roles = ("purchases", "signups", "activity")
    return Rules(
        decoders={
            topic: Decoder(role, calendar, settings.currency, settings.max_value)
            for role, topic in zip(roles, settings.source_topics, strict=True)
        },
        partitions=settings.partitions,
        partition_of=PARTITIONERS[settings.partitioner],
        # Beside the limit there must be room for the one customer whose event ends the slice:
        # up to 800 KB when twenty thousand days get a wider layout at once.
        byte_limit=settings.slice_bytes // 3,
    )


def new_publisher(
    settings: Settings, metrics: Metrics, app: LtvApp, tracing: Tracing | None
) -> Publisher:
    """The publisher, with how it scores and where it writes."""
    return Publisher(
        address(settings.redis_url),
        url_without_password(settings.redis_url),
        ScoreStore(Keys(settings.key_prefix, settings.build)),
        partial(scoring, settings),
        metrics,
        Options(
            allow_eviction=settings.allow_eviction,
            batch=settings.publish_batch,
            check_seconds=settings.publish_check,
            refresh_seconds=settings.refresh_hours * 3600,
            republish_rate=settings.republish_rate,
            coalescing=Coalescing(spacing_seconds=settings.publish_interval),
        ),
        behind_seconds=lambda: app.records_behind() / FOLDED_A_SECOND,
        tracing=tracing,
    )


def scoring(
    settings: Settings,
    parameters: ModelParameters | None,
    reason: str | None = None,
    challenger: ModelParameters | None = None,
) -> Scoring:
    """How customers are scored with ``parameters``, or without and why; a share by another."""
    as_of = AsOf(time.time, settings.as_of_seconds, settings.as_of_event_time)
    return Scoring(
        Calendar(settings.time_zone),
        score_settings(settings),
        parameters,
        reason,
        as_of,
        challenger,
        settings.challenger_share,
        settings.drift,
    )


def score_settings(settings: Settings) -> ScoreSettings:
    """What scores depend on besides facts, time and model."""
    return ScoreSettings(
        currency=settings.currency,
        lifespan_years=settings.lifespan_years,
        tiers=TierBounds(
            alive=settings.tier_alive,
            at_risk=settings.tier_at_risk,
            new_days=settings.tier_new_days,
            formula_days=settings.tier_formula_days,
        ),
    )
