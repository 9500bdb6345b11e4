"""Where a worker's model parameters come from: a file given by hand, or the models topic.

Of the topic the last record counts.  One that can't be used (parameters out of range, another
currency or time zone) is reported in one sentence and the model in use stays.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from stream_app.core.models.parameters import ModelParameters
from stream_app.errors import ConfigurationError, Fault
from stream_app.metrics import Metrics
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.wire.models import decode_model

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""How often the topic is looked at: one request for its end, while nothing comes."""

NO_MODEL = "no model has been fitted yet"

Take = Callable[[ModelParameters | None, str | None], None]
"""Takes the parameters, or None and the reason why there are none."""


class ModelSource:
    """Hands the newest usable model on, at the start and whenever there is another."""

    def __init__(self, settings: Settings, reader: LogReader, metrics: Metrics, take: Take) -> None:
        self._settings = settings
        self._reader = reader
        self._metrics = metrics
        self._take = take
        self._partition = TopicPartition(settings.topic_models, 0)
        self._position = 0
        self._fitted_at: int | None = None
        self._in_use: ModelParameters | None = None
        self._standing: dict[bytes | None, ModelParameters] = {}
        """Usable models of the topic by key, the one in use last."""

    async def first(self) -> None:
        """Find the model to begin with; a file that can't be used is a `ConfigurationError`."""
        if self._settings.model_file:
            self._use(self._from_file(Path(self._settings.model_file)))
            return
        self._take(None, NO_MODEL)
        await self._look()

    async def run(self) -> None:
        """Go on looking at the topic until cancelled; a file is read once."""
        while True:
            if self._fitted_at is not None:
                self._metrics.set("ltv_model_age_seconds", time.time() - self._fitted_at)
            await asyncio.sleep(LOOK_SECONDS)
            if not self._settings.model_file:
                await self._look_if_possible()

    async def _look_if_possible(self) -> None:
        try:
            await self._look()
        except (KafkaError, Fault) as error:
            log.info("the models topic can't be read now", why=repr(error))

    def _use(self, parameters: ModelParameters) -> None:
        self._in_use, self._fitted_at = parameters, parameters.fitted_at
        log.info("model in use", model=parameters.id, kind=parameters.kind)
        self._take(parameters, None)

    def _from_file(self, path: Path) -> ModelParameters:
        try:
            return self._usable(path.read_bytes())
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
        if records:
            self._use_last()

    def _take_up(self, key: bytes | None, value: bytes) -> None:
        try:
            usable = self._usable(value)
        except ValueError as error:
            log.warning(
                "a model can't be used; the one before stays", model=repr(key), why=str(error)
            )
            return
        self._standing.pop(key, None)  # published again, it becomes the last one
        self._standing[key] = usable

    def _use_last(self) -> None:
        """Use the last model that is neither withdrawn nor unusable; by formula without one."""
        last = next(reversed(self._standing.values()), None)
        if last is self._in_use:
            return
        if last is not None:
            self._use(last)
        else:
            self._in_use = self._fitted_at = None
            self._take(None, NO_MODEL)

    def _usable(self, value: bytes) -> ModelParameters:
        return decode_model(
            value, currency=self._settings.currency, time_zone=self._settings.time_zone
        )
