"""The topic of models, as jobs see it: what is there, and more records at its end.

A worker uses the last champion and the last challenger that it can use, so appending a model in a
role is giving it that role.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition

from stream_app.core.models.parameters import ModelParameters, Role
from stream_app.errors import ConfigurationError
from stream_app.jobs.changelog_reader import partition_counts
from stream_app.jobs.send.outbox import Outbox
from stream_app.settings import Settings
from stream_app.stores.log_reader import log_reader
from stream_app.wire.models import decode_record, with_role

Entry = tuple[bytes, bytes | None]
"""Key and value of a record to append; None withdraws what has the key."""


@dataclass(frozen=True)
class StoredModel:
    """The newest record of a model id."""

    id: str
    offset: int
    appended_ms: int
    value: bytes
    parameters: ModelParameters | None
    problem: str | None
    """Why it can't be used here; None where it can."""
    key: bytes

    @property
    def role(self) -> Role | None:
        """What it was published as; None where it can't be used."""
        return self.parameters.role if self.parameters is not None else None


async def read_models(settings: Settings) -> list[StoredModel]:
    """Every model that was not withdrawn, in the order in which they came, the last one last."""
    await check_topic(settings)
    place = TopicPartition(settings.topic_models, 0)
    async with log_reader(settings) as log:
        start, end = (await log.starts([place]))[place], (await log.ends([place]))[place]
        records = await log.read_range(place, start, end)
    found: dict[bytes | None, StoredModel] = {}
    for record in records:
        found.pop(record.key, None)  # what is appended again is the last one
        if record.value is not None:
            found[record.key] = _stored(settings, record)
    return list(found.values())


def _stored(settings: Settings, record: Any) -> StoredModel:
    name = (record.key or b"").decode("utf-8", "backslashreplace")
    place = name, record.offset, record.timestamp, record.value
    try:
        parameters = decode_record(
            *(record.key, record.value), currency=settings.currency, time_zone=settings.time_zone
        )
    except ValueError as error:
        return StoredModel(*place, None, str(error), record.key or b"")
    return StoredModel(*place, parameters, None, record.key or b"")


async def check_topic(settings: Settings) -> None:
    """ConfigurationError where the topic is missing, or is not one log."""
    topic = settings.topic_models
    partitions = (await partition_counts(settings, topic))[topic]
    if partitions != 1:
        raise ConfigurationError(
            f"Topic {topic!r} has {partitions} partitions and should have 1, so that it has a last"
            " record."
        )


async def append_model(settings: Settings, model_id: str, value: bytes) -> None:
    """Make a model the last one; returns when every replica has it."""
    await append_entries(settings, [(model_id.encode(), value)])


async def append_entries(settings: Settings, entries: Sequence[Entry]) -> None:
    """Append all as one batch; returns when every replica has it."""
    topic = settings.topic_models
    async with Outbox(settings) as outbox:
        await outbox.partition_counts([topic])
        for key, value in entries:
            await outbox.add(topic, 0, key, value)
        await outbox.settle()


def challenge(key: bytes, value: bytes, models: Sequence[StoredModel]) -> list[Entry]:
    """What makes a usable model the challenger, and retires whoever of `models` is one.

    Else an older challenger would come back as soon as this one is promoted or withdrawn.
    """
    before = [each for each in models if each.role == "challenger" and each.key != key]
    return [
        (key, with_role(value, "challenger")),
        *((each.key, with_role(each.value, "retired")) for each in before),
    ]
