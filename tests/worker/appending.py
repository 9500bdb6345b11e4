"""A partition with its appender and a changelog in memory, and a protocol of what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from stream_app.core.customer import Customer
from stream_app.metrics import Metrics
from stream_app.wire.changelog import (
    CLAIM_KEY,
    Claim,
    decode_value,
    encode_claim,
    encode_value,
)
from stream_app.wire.record import Record
from stream_app.wire.state import encode
from stream_app.worker.appender import Appender
from stream_app.worker.fate import Fate
from stream_app.worker.rebuild import Rebuild
from tests.worker.memory_log import MemoryChangelog, MemoryLogs
from tests.worker.records import bought, folded, partition, settings, spoilt

IN_FLIGHT = 3
EPOCH = 5
FOREIGN = encode_value(0, encode(Customer()))
"""What a zombie writes: its epoch is older than the claim."""
CLAIM = encode_value(0, encode_claim(Claim(owner="heir", nonce="n", at_ms=0)))


class Rig:
    """One partition with its appender, a changelog in memory, and a protocol of what happened."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.changelog = MemoryChangelog(settings(), MemoryLogs())
        self.changelog.log().append(*((b"old", b"") for _ in range(EPOCH)), (CLAIM_KEY, CLAIM))
        self.partition = partition(epoch=EPOCH)
        self.fate = Fate()
        self.metrics = Metrics("test")
        self.letters_go = asyncio.Event()
        self.letters_go.set()
        self.appender = Appender(
            self.partition, self.changelog, self._send_letters, self.metrics, IN_FLIGHT
        )
        self.offset = 0
        self.slices = 0

    async def _send_letters(self, letters: Sequence[Any]) -> None:
        self.events.append(f"letters {[record.offset for record, _ in letters]} leave")
        await self.letters_go.wait()
        self.events.append("letters acknowledged")

    def put(self, *customers: str, refused: int = 0) -> dict[bytes, Customer]:
        """Fold and hand in a slice: a purchase of each customer, then records refused."""
        records: list[Record] = [bought(self.offset + n, one) for n, one in enumerate(customers)]
        records += [spoilt(self.offset + len(records) + n) for n in range(refused)]
        self.offset += len(records)
        number, self.slices = self.slices, self.slices + 1
        one = folded(self.partition, *records)
        self.appender.put(one, lambda: self.events.append(f"slice {number} done"))
        return one.changed

    async def until(self, true: Callable[[], bool]) -> None:
        """Let the appender work until the effect is there."""
        for _ in range(200):
            if true():
                return
            await asyncio.sleep(0)
        raise AssertionError("it did not come about")

    async def quiet(self) -> None:
        """Until everything handed in is acknowledged."""
        await self.until(lambda: not self.appender.pending)

    async def on_the_way(self, number: int) -> None:
        """Until the producer has so many batches."""
        await self.until(lambda: len(self.changelog.on_the_way) == number)

    async def fault(self) -> BaseException:
        """The worker's end."""
        async with asyncio.timeout(5):
            return await self.fate.wait()

    def written(self, start: int = EPOCH + 1) -> list[bytes]:
        """Keys in the changelog from an offset on."""
        return [each.key or b"" for each in self.changelog.log().records if each.offset >= start]

    def foreign(self, *keys: bytes, claim: bool = False) -> None:
        """Somebody else writes a batch."""
        entries = [(key, FOREIGN) for key in keys]
        self.changelog.log().append(*([(CLAIM_KEY, CLAIM)] if claim else []), *entries)

    def rebuilt(self) -> Rebuild:
        """What the next owner would read."""
        found = Rebuild("changelog", 0)
        found.add([each for each in self.changelog.log().records if each.offset >= EPOCH])
        return found

    def state_of(self, key: bytes) -> bytes:
        """The newest state of a key in the changelog."""
        value = [each.value for each in self.changelog.log().records if each.key == key][-1]
        assert value is not None
        return decode_value(value)[1]
