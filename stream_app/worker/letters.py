"""Send refused records to the dead letters, acknowledged before the slice is appended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from stream_app.errors import ConfigurationError, Fault
from stream_app.wire import dead_letter
from stream_app.wire.record import NO_TIMESTAMP

BATCH_BYTES: Final = 512 << 10
"""Letters go in batches of about this size, so that a broker's limit for one record, which is
a limit for a batch too, is reached only by a record that nearly has that size itself."""

HEADERS_BYTES: Final = 1 << 10
"""What our own headers and Kafka's lengths take at most: a topic's name and a detail are short."""

Letter = tuple[Any, Any]
"""A refused consumer record and its refusal."""


class Letters:
    """Appends dead letters through Faust's producer."""

    def __init__(self, topic: str) -> None:
        self.producer: AIOKafkaProducer | None = None
        self._topic = topic

    async def send(self, letters: Sequence[Letter]) -> None:
        """Send ``letters`` (record, refusal) and wait until all replicas have them."""
        assert self.producer is not None
        try:
            partitions = sorted(await self.producer.partitions_for(self._topic))
            if not partitions:
                raise ConfigurationError(f"the topic {self._topic} does not exist; run: ltv topics")
            number = partitions[letters[0][0].partition % len(partitions)]
            await asyncio.gather(
                *[
                    await self.producer.send_batch(self._batch(part), self._topic, partition=number)
                    for part in parts(letters)
                ]
            )
        except KafkaError as error:
            raise Fault(
                f"dead letters can't be written to {self._topic}: {error!r}; the slice is read "
                "again after a restart"
            ) from error

    def _batch(self, letters: Sequence[Letter]) -> Any:
        assert self.producer is not None
        batch = self.producer.create_batch()
        for record, refusal in letters:
            added = batch.append(
                timestamp=NO_TIMESTAMP,  # of a wrong clock the broker would refuse the letter
                key=record.key,
                value=record.value,
                headers=dead_letter.headers(record, refusal),
            )
            if added is None:  # never left out in silence
                raise Fault(f"a batch of dead letters for {self._topic} is full")
        batch.close()
        return batch


def parts(letters: Sequence[Letter]) -> Iterator[Sequence[Letter]]:
    """Cut letters into batches; one that is larger than a batch goes alone."""
    start = size = 0
    for index, (record, _) in enumerate(letters):
        own = len(record.key or b"") + len(record.value or b"") + HEADERS_BYTES
        own += sum(len(name.encode()) + len(value or b"") + 8 for name, value in record.headers)
        if index > start and size + own > BATCH_BYTES:
            yield letters[start:index]
            start, size = index, 0
        size += own
    yield letters[start:]
