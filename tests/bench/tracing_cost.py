"""What traces cost a slice, in microseconds of CPU; `python -m tests.bench.tracing_cost`.

Off, the worker asks once a slice and once a publish whether it is to trace. On, a span is made and
queued: compare with a slice of a thousand events, which costs about 10,000.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from stream_app.worker.fold import Folded
from stream_app.worker.tracing import Tracing

ROUNDS = 7
SLICES = 2_000


class Nowhere(SpanExporter):
    """A collector that costs nothing."""

    def export(self, spans: object) -> SpanExportResult:
        """Take them and forget them."""
        return SpanExportResult.SUCCESS


def micros(act: Callable[[Folded], None]) -> float:
    """CPU of one slice, the least of several rounds."""
    found = []
    for _ in range(ROUNDS):
        slices = [
            Folded("purchases", 1000, 1000, {}, [], 1000, 0, 0, 0, 0, {}) for _ in range(SLICES)
        ]
        began = time.process_time()
        for folded in slices:
            act(folded)
        found.append((time.process_time() - began) / SLICES * 1e6)
    return min(found)


def main() -> None:
    """Print both."""
    tracing = Tracing(BatchSpanProcessor(Nowhere()))
    off: Tracing | None = None

    def untraced(folded: Folded) -> None:
        if off is not None:
            folded.span = off.folded(0, 0, 0.01, folded)
        if folded.span is not None:
            folded.span.acknowledged(0)

    def traced(folded: Folded) -> None:
        folded.span = tracing.folded(0, 0, 0.01, folded)
        folded.span.acknowledged(0)
        tracing.publish(1000, [folded.span]).done()

    print(f"off  {micros(untraced):8.3f} us a slice")
    print(f"on   {micros(traced):8.3f} us a slice, with a publish of its own")


if __name__ == "__main__":
    main()
