"""Kafka and Valkey side by side, in one directory, for as long as somebody needs them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from stream_app.dev.cache import owned
from stream_app.dev.jars import Progress
from stream_app.dev.kafka import Kafka, silent
from stream_app.dev.valkey import Valkey


class Stack:
    """A context manager: both run inside, neither does after.

    >>> with Stack(Path("/tmp/stack")) as stack:  # doctest: +SKIP
    ...     print(stack.brokers, stack.redis_url)
    """

    def __init__(
        self,
        directory: Path,
        kafka_port: int = 0,
        redis_port: int = 0,
        *,
        persistent: bool = False,
        cache: Path | None = None,
        progress: Progress = silent,
    ) -> None:
        """Choose the ports; ``persistent`` makes Valkey keep its data too (Kafka always does)."""
        self.directory = directory
        self.kafka = Kafka(directory / "kafka", kafka_port, cache=cache, progress=progress)
        self.valkey = Valkey(directory / "valkey", redis_port, persistent=persistent)
        self._held = ExitStack()

    @property
    def brokers(self) -> str:
        """The value of ``LTV_BROKERS``."""
        return self.kafka.bootstrap

    @property
    def redis_url(self) -> str:
        """The value of ``LTV_REDIS_URL``."""
        return self.valkey.url

    def __enter__(self) -> Self:
        with ExitStack() as held:
            held.enter_context(owned(self.directory, wait=False))
            # Stopped in any case: also when only half of them came up.
            held.callback(self.valkey.stop)
            self.valkey.launch()
            held.callback(self.kafka.stop)
            self.kafka.launch()
            self.valkey.wait_ready()
            self.kafka.wait_ready()
            self._held = held.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.close()

    def check(self) -> None:
        """Fault, with the end of its log, when one of the two has ended by itself."""
        for server in (self.kafka, self.valkey):
            if not server.alive():
                raise server.failure()
