"""Where a worker's model parameters come from: a file given by hand, or the models topic.

Of the topic the last champion and the last challenger count.  One that can't be used (parameters
out of range, another currency or time zone, a key that is not the id) is reported in one sentence
and the model in use stays.  With a file there is no challenger.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from stream_app.core.models.assignment import InUse, in_use
from stream_app.core.models.parameters import ModelParameters
from stream_app.errors import ConfigurationError, Fault
from stream_app.metrics import Metrics
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.wire.models import decode_model, decode_record

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""How often the topic is looked at: one request for its end, while nothing comes."""

NO_MODEL = "no model has been fitted yet"

Take = Callable[[ModelParameters | None, str | None, ModelParameters | None], None]
"""Takes the champion's parameters, or None and the reason why there are none; the challenger's."""


class ModelSource:
    """Hands the newest usable models on, at the start and whenever there is another."""

    def __init__(self, settings: Settings, reader: LogReader, metrics: Metrics, take: Take) -> None:
        self._settings = settings
        self._reader = reader
        self._metrics = metrics
        self._take = take
        self._partition = TopicPartition(settings.topic_models, 0)
        self._position = 0
        self._in_use = InUse(None, None)
        self._standing: dict[bytes | None, ModelParameters] = {}
        """Usable models of the topic by key, the newest record last."""

    async def first(self) -> None:
        """Find the model to begin with; a file that can't be used is a `ConfigurationError`."""
        if self._settings.model_file:
            given = self._from_file(Path(self._settings.model_file))
            self._use(InUse(replace(given, role="champion"), None))
            return
        self._take(None, NO_MODEL, None)
        await self._look()

    async def run(self) -> None:
        """Go on looking at the topic until cancelled; a file is read once."""
        while True:
            champion = self._in_use.champion
            if champion is not None and champion.fitted_at is not None:
                self._metrics.set("ltv_model_age_seconds", time.time() - champion.fitted_at)
            await asyncio.sleep(LOOK_SECONDS)
            if not self._settings.model_file:
                await self._look_if_possible()

    async def _look_if_possible(self) -> None:
        try:
            await self._look()
        except (KafkaError, Fault) as error:
            log.info("the models topic can't be read now", why=repr(error))

    def _use(self, found: InUse) -> None:
        self._in_use = found
        champion, challenger = (f"{one.id} ({one.kind})" if one else None for one in found)
        log.info("models in use", champion=champion, challenger=challenger)
        self._take(found.champion, None if found.champion else NO_MODEL, found.challenger)

    def _from_file(self, path: Path) -> ModelParameters:
        try:
            return decode_model(
                path.read_bytes(),
                currency=self._settings.currency,
                time_zone=self._settings.time_zone,
            )
        except OSError as error:
            raise ConfigurationError(f"LTV_MODEL_FILE: {error}") from error
        except ValueError as error:
            raise ConfigurationError(f"LTV_MODEL_FILE {path}: {error}") from error

    async def _look(self) -> None:
        end = (await self._reader.ends([self._partition]))[self._partition]
        if end == self._position:
            return
        start = max(self._position, (await self._reader.starts([self._partition]))[self._partition])
        records = await self._reader.read_range(self._partition, start, end)
        self._position = end
        for record in records:
            if record.value is None:
                self._standing.pop(record.key, None)  # withdrawn
            else:
                self._take_up(record.key, record.value)
        found = in_use(self._standing.values())
        # By identity: what is published again may have other numbers.
        if any(one is not other for one, other in zip(found, self._in_use, strict=True)):
            self._use(found)

    def _take_up(self, key: bytes | None, value: bytes) -> None:
        try:
            usable = decode_record(
                *(key, value),
                currency=self._settings.currency,
                time_zone=self._settings.time_zone,
            )
        except ValueError as error:
            log.warning(
                "a model can't be used; the one before stays", model=repr(key), why=str(error)
            )
            return
        self._standing.pop(key, None)  # published again, it becomes the last one
        self._standing[key] = usable
