"""The client of programs that may wait."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

from redis import Redis

from stream_app.errors import ScoreUnavailable
from stream_app.reader import connection
from stream_app.reader.instant import unix_seconds
from stream_app.reader.knowledge import Knowledge, Stored
from stream_app.reader.reading import reading, replies
from stream_app.reader.score import Score
from stream_app.stores.keys import Keys
from stream_app.stores.redis import TROUBLE
from stream_app.stores.trouble import sentence

URL: Final = "redis://127.0.0.1:6379/0"
TIMEOUT_SECONDS: Final = 0.05
FRESH_SECONDS: Final = 5.0


class ScoreReader:
    """Reads scores as they are now. May be shared by threads; make one a process and keep it.

    Parameters
    ----------
    redis
        A URL (`redis://`, `rediss://`, `unix://`, `redis+sentinel://host:26379,host/name/0`), or
        a client of yours, whose own timeouts then count and which `close` leaves open.
    prefix
        What every key begins with (the worker's LTV_KEY_PREFIX).
    timeout_seconds
        How long connecting may take, and then each answer of Redis. (A host name is looked up by
        the system, in its own time.)
    fresh_seconds
        How long tier bounds and the like, which are the same for all customers, are kept before
        they are read again.

    Every failure of a read is a `ScoreUnavailable` with one sentence; a URL that is none is a
    `ConfigurationError` at once. Making a reader does not connect.
    """

    def __init__(
        self,
        redis: str | Redis = URL,
        *,
        prefix: str = "ltv:",
        timeout_seconds: float = TIMEOUT_SECONDS,
        fresh_seconds: float = FRESH_SECONDS,
    ) -> None:
        self._shown = connection.shown(redis)
        self._owned = connection.blocking(redis, timeout_seconds) if isinstance(redis, str) else []
        self._client = redis if not isinstance(redis, str) else self._owned[0]
        self._keys = Keys(prefix, 0)
        self._knowledge = Knowledge(self._keys, fresh_seconds)

    def customer(self, customer_id: str, *, now: datetime | float | None = None) -> Score | None:
        """A customer's scores at `now`; None where nothing is published of them.

        `now` is Unix seconds or a datetime with its offset; by default the wall clock. It costs
        one HGETALL; a model not met before costs another.
        """
        return self.customers([customer_id], now=now)[0]

    def customers(
        self, customer_ids: Sequence[str], *, now: datetime | float | None = None
    ) -> list[Score | None]:
        """The same of many customers in one exchange, all at the same instant, in their order."""
        steps = reading(
            self._knowledge,
            self._keys,
            customer_ids,
            now=unix_seconds(now),
            at=time.monotonic(),
        )
        try:
            keys = next(steps)
            while True:
                keys = steps.send(self._fetch(keys))
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        except TROUBLE as error:
            raise ScoreUnavailable(sentence(error, self._shown)) from error
        except ValueError as error:
            raise ScoreUnavailable(f"{error} ({self._shown})") from error

    def close(self) -> None:
        """Close the connections, unless the client is yours."""
        for client in self._owned:
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _fetch(self, keys: Sequence[bytes]) -> Sequence[Stored]:
        """The hashes under these keys, in one exchange."""
        if len(keys) == 1:
            only: Any = self._client.hgetall(keys[0])
            return [only]
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.hgetall(key)
        return replies(pipeline.execute(raise_on_error=False))
