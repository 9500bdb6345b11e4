"""Looks at hashes in Redis all the time: what they show may grow, never go back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import redis

PAUSE_SECONDS = 0.02

Shown = tuple[int, int]
"""``(gen, pos)`` of a hash."""


class Watcher:
    """Polls some hashes from a thread of its own for as long as it is entered.

    Hashes that are gone are not held against anybody: somebody may have emptied Redis.  When one
    comes back it must not show less than before.
    """

    def __init__(self, url: str, key_of: Callable[[str], str], customers: Sequence[str]) -> None:
        self._url = url
        self._keys = [key_of(customer) for customer in customers]
        self._seen: dict[str, Shown] = {}
        self._stopping = threading.Event()
        self._forgetting = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self.looks = 0
        """How often it has looked at all of them."""
        self.regressions: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join(timeout=20.0)

    def forget(self) -> None:
        """Redis, which is down, comes back with less than it had: from then on it may only grow.

        Returns when nothing that was read before can be compared with what comes.
        """
        self._forgetting.set()
        while self._forgetting.is_set() and self._thread.is_alive():
            self._stopping.wait(PAUSE_SECONDS)

    @property
    def seen(self) -> int:
        """How many of the hashes it has met."""
        return len(self._seen)

    def _watch(self) -> None:
        with redis.Redis.from_url(self._url, socket_timeout=5.0) as client:
            while not self._stopping.wait(PAUSE_SECONDS):
                if self._forgetting.is_set():
                    self._seen.clear()
                    self._forgetting.clear()
                try:
                    self._look(client)
                except (redis.RedisError, OSError):
                    continue  # Redis is away: then nobody can read anything wrong

    def _look(self, client: redis.Redis) -> None:
        seen = self._seen  # what is answered from here on belongs to what was seen before
        with client.pipeline(transaction=False) as pipe:
            for key in self._keys:
                pipe.hmget(key, "gen", "pos")
            answers = pipe.execute()
        for key, (gen, pos) in zip(self._keys, answers, strict=True):
            if gen is None or pos is None:
                continue
            shown = int(gen), int(pos)
            before = seen.get(key, shown)
            if shown < before:
                self.regressions.append(f"{key} went from {before} back to {shown}")
            seen[key] = max(before, shown)
        self.looks += 1
