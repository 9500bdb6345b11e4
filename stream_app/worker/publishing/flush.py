"""One flush: customers of any partitions are scored together and written in guarded batches.

Scoring has a fixed price per call and almost none per customer, so the customers of all partitions
that hold at the same instant are scored in one call; writing is guarded per partition, so a script
call carries customers of one. While Redis works on a call the next ones are scored and packed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from stream_app import failpoints
from stream_app.core.customer import Customer
from stream_app.stores import scripts
from stream_app.stores.redis import Link
from stream_app.stores.scores import ScoreStore, Written, written
from stream_app.worker.publishing.follower import Follower
from stream_app.worker.publishing.scoring import Scoring

SCORED_AT_ONCE: Final = 2000
"""Customers per scoring call. The event loop stands still meanwhile, about 16 ms; half as many cost
a tenth more a customer."""
CALLS_UNDER_WAY: Final = 8
"""Script calls that Redis may be behind: enough that it never waits for us, 1 MB of memory."""


@dataclass(slots=True)
class Load:
    """Customers of one partition to be written, and what came of it."""

    follower: Follower
    customers: dict[bytes, Customer]
    refused: list[bytes] = field(default_factory=list)
    """Those of whom Redis has a newer version."""
    status: int = scripts.WRITTEN
    """The worst that a script call answered."""
    written: set[bytes] = field(default_factory=set)
    """Those of whom Redis has said that it has them as they are here."""

    @property
    def accepted(self) -> bool:
        """Whether Redis let us write at all; single customers may still be refused."""
        return self.status == scripts.WRITTEN


@dataclass(slots=True)
class _Call:
    """A script call under way."""

    load: Load
    keys: Sequence[bytes]


class Flush:
    """Writes loads over one connection."""

    def __init__(self, link: Link, store: ScoreStore, scoring: Scoring, *, batch: int) -> None:
        self._link = link
        self._store = store
        self._scoring = scoring
        self._batch = batch
        self._under_way: deque[_Call] = deque()

    async def write(self, loads: Sequence[Load]) -> None:
        """Write all; every load then says what became of it.

        Raises what the connection raises: all that is known then is whom a load calls written.
        """
        instants: dict[int, list[Load]] = {}
        for load in loads:
            if load.customers:
                instants.setdefault(self._scoring.as_of.of(load.follower.partition), []).append(
                    load
                )
        for as_of, together in instants.items():
            for piece in _pieces(together):
                await self._write_piece(piece, as_of)
        while self._under_way:
            await self._settle()

    async def _write_piece(
        self, piece: list[tuple[Load, list[bytes], list[Customer]]], as_of: int
    ) -> None:
        """Score one piece in one call; send it in script calls."""
        ids = [each for _, keys, _ in piece for each in keys]
        customers = [each for _, _, some in piece for each in some]
        rows = self._scoring.rows(ids, customers, as_of, piece[0][0].follower.gen)
        at = 0
        for load, keys, some in piece:
            for start in range(0, len(keys), self._batch):
                end = min(start + self._batch, len(keys))
                await self._send(
                    load, keys[start:end], some[start:end], rows[at + start : at + end]
                )
            at += len(keys)

    async def _send(
        self, load: Load, keys: list[bytes], customers: list[Customer], rows: list[list[str]]
    ) -> None:
        follower = load.follower
        positions = [customer.pos for customer in customers]
        packed = self._store.write(
            follower.gen,
            follower.partition.number,
            follower.partition.epoch,
            keys,
            positions,
            rows,
        )
        await self._link.send(packed)
        self._under_way.append(_Call(load, keys))
        while len(self._under_way) >= CALLS_UNDER_WAY:
            await self._settle()

    async def _settle(self) -> None:
        """Read the oldest reply under way."""
        call = self._under_way.popleft()
        answer: Written = written(await self._link.reply())
        failpoints.hit("mid_redis_write")
        load, refused = call.load, [call.keys[place] for place in answer.refused]
        load.status = max(load.status, answer.status)
        load.refused += refused
        if answer.status == scripts.WRITTEN:
            load.written.update(call.keys)
            load.written.difference_update(refused)


def _pieces(
    loads: Sequence[Load],
) -> Iterator[list[tuple[Load, list[bytes], list[Customer]]]]:
    """Cut loads into pieces of at most `SCORED_AT_ONCE` customers; a piece may span partitions."""
    piece: list[tuple[Load, list[bytes], list[Customer]]] = []
    room = SCORED_AT_ONCE
    for load in loads:
        keys, customers = list(load.customers), list(load.customers.values())
        at = 0
        while at < len(keys):
            end = min(len(keys), at + room)
            piece.append((load, keys[at:end], customers[at:end]))
            room -= end - at
            at = end
            if room == 0:
                yield piece
                piece, room = [], SCORED_AT_ONCE
    if piece:
        yield piece
