"""``ltv dev``: the embedded stack in the foreground."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stream_app.dev.stack import Stack

_CHECK_SECONDS = 1.0


def run_dev(directory: Path | None, kafka_port: int, redis_port: int) -> int:
    """Run Kafka and Valkey until Ctrl-C or SIGTERM; 0 then.

    The two settings to export go to standard output, all else to standard error.  Without a
    directory the data is in a temporary one and goes with them.  Raises Fault when one of the two
    ends by itself, ConfigurationError when they can't be started as asked.
    """
    try:
        with _ended_like_ctrl_c(), _place(directory) as place:
            _run(place, kafka_port, redis_port, persistent=directory is not None)
    except KeyboardInterrupt:
        _say("Stopped")
    return 0


def _run(place: Path, kafka_port: int, redis_port: int, *, persistent: bool) -> None:
    with Stack(place, kafka_port, redis_port, persistent=persistent, progress=_say) as stack:
        print(f"export LTV_BROKERS={stack.brokers}")
        print(f"export LTV_REDIS_URL={stack.redis_url}", flush=True)
        _say(f"Kafka and Valkey are running, with their files in {place}. Ctrl-C ends them.")
        while True:
            time.sleep(_CHECK_SECONDS)
            stack.check()


@contextmanager
def _place(directory: Path | None) -> Iterator[Path]:
    if directory is not None:
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="ltv-") as temporary:
        yield Path(temporary)


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """A polite end by another, or of the terminal, unwinds as Ctrl-C does."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
