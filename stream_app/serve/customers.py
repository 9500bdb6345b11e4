"""One customer: read from Redis as of now, with those who were asked for at the same moment.

Scoring is done on columns, and one customer costs nearly as much as sixty: requests that come while
Redis is asked are read and scored together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from stream_app.errors import ScoreUnavailable
from stream_app.reader import AsyncScoreReader, Score
from stream_app.serve.publication import Publication
from stream_app.settings import Settings
from stream_app.stores.redis import TROUBLE
from stream_app.web.answers import dumps
from stream_app.wire.score_fields import FIELDS
from stream_app.wire.scores import parse_fields

TOGETHER: Final = 64
"""Customers read at once at most: two milliseconds of scoring, which others wait for."""
LATEST: Final = ("as_of", "next_order_at")
"""Fields that move with every second, and are of no weight in telling two answers apart."""

_STEADY: Final = (*(field.name for field in FIELDS if field.name not in LATEST), "not_evaluated")
_Asked = tuple[str, "asyncio.Future[Score | None]"]


class Customers:
    """Reads customers; `now` of None: the wall clock."""

    def __init__(self, settings: Settings, publication: Publication) -> None:
        self._publication = publication
        self._reader = AsyncScoreReader(publication.client, prefix=settings.key_prefix)
        self._now = settings.as_of_seconds
        self._as_published = settings.as_of_event_time
        self._of_now = Together(self._read)
        self._of_then = Together(self._read_published)

    async def now(self, customer_id: str) -> Score | None:
        """A customer's scores as of now, or of LTV_AS_OF; None where nothing is published."""
        if self._as_published:
            return await self.published(customer_id)
        return await self._of_now.read(customer_id)

    async def published(self, customer_id: str) -> Score | None:
        """A customer's scores as a worker wrote them."""
        return await self._of_then.read(customer_id)

    async def over(self, customer_id: str, instants: Sequence[int]) -> list[Score]:
        """The same customer at each of these instants, as if nothing came between."""
        found: list[Score] = []
        for at in instants:
            (score,) = await self._publication.bounded(
                lambda at=at: self._reader.customers([customer_id], now=at)  # type: ignore[misc]
            )
            if score is not None:
                found.append(score)
        return found

    async def _read(self, names: Sequence[str]) -> list[Score | None]:
        return await self._publication.bounded(lambda: self._reader.customers(names, now=self._now))

    async def _read_published(self, names: Sequence[str]) -> list[Score | None]:
        keys = (self._publication.keys.customer(name.encode()) for name in names)
        stored = await self._publication.hashes(*keys)
        try:
            return [Score(**parse_fields(each)) if each else None for each in stored]
        except ValueError as error:
            raise ScoreUnavailable(
                f"a hash can't be read: {error} ({self._publication.shown})"
            ) from error


class Together:
    """Reads one by one for who asks, and in batches for who answers."""

    def __init__(self, many: Callable[[Sequence[str]], Awaitable[list[Score | None]]]) -> None:
        self._many = many
        self._waiting: list[_Asked] = []
        self._reading: asyncio.Task[None] | None = None

    async def read(self, name: str) -> Score | None:
        """One of them, with all that were asked for while Redis answered the last."""
        asked: asyncio.Future[Score | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((name, asked))
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_all())
        return await asked

    async def _read_all(self) -> None:
        """Read until nobody waits."""
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
                await self._answer(batch)
        finally:
            self._reading = None

    async def _answer(self, batch: Sequence[_Asked]) -> None:
        try:
            scores = await self._many([name for name, _ in batch])
        except Exception as error:
            if len(batch) > 1 and _of_one_hash(error):
                for one in batch:
                    await self._answer([one])
                return
            for _, asked in batch:
                if not asked.done():
                    asked.set_exception(error)
            return
        for (_, asked), score in zip(batch, scores, strict=True):
            if not asked.done():
                asked.set_result(score)


def _of_one_hash(error: Exception) -> bool:
    """Whether a hash can't be read, which is nobody else's trouble."""
    return isinstance(error, ScoreUnavailable) and not isinstance(error.__cause__, TROUBLE)


def id_from_path(raw: str) -> str | None:
    """The id that a path's percent-encoded end stands for; None where it is no text.

    >>> id_from_path("a%2Fb%25"), id_from_path("c/d+e"), id_from_path("%FF")
    ('a/b%', 'c/d+e', None)
    """
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        return None


def as_json(customer_id: str, score: Score) -> tuple[bytes, str]:
    """The customer as JSON, and a weak tag that changes when anything but the clock has."""
    steady: dict[str, Any] = {"customer_id": customer_id}
    for name in _STEADY:
        value = getattr(score, name)
        if value is not None:
            steady[name] = value
    moving = {name: getattr(score, name) for name in LATEST}
    first = dumps(steady)
    last = dumps({name: value for name, value in moving.items() if value is not None})
    body = first if last == b"{}" else first[:-1] + b"," + last[1:]
    return body, blake2b(first, digest_size=9).hexdigest()
