"""Traces for those who collect them: one span a slice, one a publish, never one an event.

The only file that knows OpenTelemetry, and imported only where ``LTV_OTEL`` says so. Where spans
go, and how many of them, is said by OpenTelemetry's own ``OTEL_*`` variables.

A slice's span lasts from its fold to the changelog's acknowledgement; a publish's, from scoring to
Redis's last reply, and it links the slices whose customers it has written. A publish gathers
slices of several partitions, and a slice may be tried again after a fault of Redis: that is why
these are links and not children.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode

if TYPE_CHECKING:
    from stream_app.worker.fold import Folded

FLUSH_MS: Final = 1_000
"""How long a worker that stops waits for the collector."""


class SliceSpan:
    """A slice under way."""

    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def context(self) -> SpanContext:
        """What a publish links to."""
        return self._span.get_span_context()

    def acknowledged(self, offset: int) -> None:
        """All replicas have the slice, at ``offset`` of the changelog."""
        self._span.set_attribute("ltv.changelog.offset", offset)
        self._span.end()


class PublishSpan:
    """A publish under way."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def done(self) -> None:
        """Redis has answered for every customer."""
        self._span.end()

    def failed(self, error: BaseException) -> None:
        """It broke off; its slices are written, and linked, again."""
        self._span.set_status(StatusCode.ERROR, type(error).__name__)
        self._span.end()


class Tracing:
    """Makes spans; `close` sends what waits."""

    def __init__(self, processor: SpanProcessor | None = None) -> None:
        """``processor``: what is done with spans that end; None sends them by OTLP over HTTP."""
        own = Resource.create({"service.name": "ltv-worker"})
        self._provider = TracerProvider(
            resource=own.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("stream_app.worker")

    def folded(
        self, partition: int, first_offset: int, seconds: float, folded: Folded
    ) -> SliceSpan:
        """The span of a slice that took ``seconds`` to fold, until now."""
        span = self._tracer.start_span(
            f"fold {folded.topic}",
            kind=SpanKind.CONSUMER,
            start_time=time.time_ns() - int(seconds * 1e9),
            attributes={
                "messaging.system": "kafka",
                "messaging.destination.name": folded.topic,
                "messaging.destination.partition.id": str(partition),
                "messaging.batch.message_count": folded.records,
                "ltv.first_offset": first_offset,
                "ltv.last_offset": folded.next_offset - 1,
                "ltv.applied": folded.applied,
                "ltv.duplicate": folded.duplicates,
                "ltv.refused": len(folded.letters),
                "ltv.fold_seconds": seconds,
            },
        )
        return SliceSpan(span)

    def publish(self, customers: int, slices: Iterable[SliceSpan]) -> PublishSpan:
        """The span of a publish that begins now, linked to the slices that it writes."""
        span = self._tracer.start_span(
            "publish",
            kind=SpanKind.CLIENT,
            links=[Link(one.context) for one in slices],
            attributes={"db.system.name": "redis", "ltv.customers": customers},
        )
        return PublishSpan(span)

    def close(self) -> None:
        """Send what has ended, within a bound; blocks that long where no collector answers."""
        self._provider.force_flush(FLUSH_MS)
