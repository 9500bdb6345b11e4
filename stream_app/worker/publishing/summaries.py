"""What is said of partitions as wholes: written beside the customers, and read back merged.

A summary is one value a partition and name (the sketches of its population, its models' grades); a
reader adds up the partitions. Summaries are derived from the state, so losing one costs nothing:
whenever Redis may have lost them they are written again, and a new owner makes its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from stream_app.core.population import Population, Ranks
from stream_app.stores import scripts
from stream_app.stores.keys import POPULATION, RANKS
from stream_app.stores.redis import Link
from stream_app.stores.scores import ScoreStore
from stream_app.wire.population import decode_population
from stream_app.worker.publishing.follower import Follower

READ_SECONDS: Final = 30.0
"""How often the sketches of all partitions are read where none of ours has changed."""


class Summaries:
    """The newest summaries of the partitions held, and what the population's say together."""

    def __init__(self, store: ScoreStore) -> None:
        self._store = store
        self._values: dict[int, dict[str, bytes]] = {}
        self._unwritten: dict[int, set[str]] = {}
        self._begun: dict[int, int] = {}
        self._tables: dict[int, Ranks] = {}
        """Those that were put to be written."""
        self._read_due = 0.0
        self.ranks: Ranks | None = None
        """Where customers stand among those of all partitions; None until that is known."""

    def put(self, number: int, name: str, value: bytes) -> None:
        """Say something of a partition from now on."""
        self._values.setdefault(number, {})[name] = value
        self._unwritten.setdefault(number, set()).add(name)

    def of(self, number: int) -> Mapping[str, bytes]:
        """What is said of a partition, by name."""
        return self._values.get(number, {})

    def drop(self, number: int) -> None:
        """Another worker speaks for the partition now."""
        for mapping in (self._values, self._unwritten, self._begun, self._tables):
            mapping.pop(number, None)

    async def write(self, link: Link, followers: Sequence[Follower]) -> None:
        """Write what Redis lacks. What it refuses is tried again: the next look finds out why."""
        for follower in followers:
            if follower.writable:
                await self._write(link, follower)

    async def read(self, link: Link, followers: Sequence[Follower], now: float) -> None:
        """Read the population when it may be another. `now` is loop time."""
        gen = next((each.gen for each in followers if each.writable), None)
        if gen is not None and now >= self._read_due:
            self._read_due = now + READ_SECONDS
            await self._read(link, gen)
        found = [each for each in followers if each.writable and each.ranks_found]
        if gen is not None and found:
            await self._adopt(link, gen, found)

    async def _adopt(self, link: Link, gen: int, found: Iterable[Follower]) -> None:
        """Find the tables by which an earlier worker has left everybody; else all are published."""
        stored = await self._store.summaries(link, RANKS, gen)
        for follower in found:
            name, follower.ranks_found = follower.ranks_found, ""
            try:
                ranks = Ranks.from_bytes(stored.get(follower.partition.number, b""))
            except ValueError:
                continue
            if ranks.id == name and follower.ranks is None:
                follower.ranks = ranks

    async def _write(self, link: Link, follower: Follower) -> None:
        number = follower.partition.number
        if follower.ranks is not None and self._tables.get(number) is not follower.ranks:
            self._tables[number] = follower.ranks
            self.put(number, RANKS, follower.ranks.to_bytes())
        if self._begun.get(number) != follower.begun:
            self._unwritten[number] = set(self._values.get(number, ()))
        names = sorted(self._unwritten.get(number, ()))
        if not names:
            self._begun[number] = follower.begun
            return
        values = {name: self._values[number][name] for name in names}
        status = await self._store.put_summaries(
            link, follower.gen, number, follower.partition.epoch, values
        )
        if status == scripts.WRITTEN:
            self._begun[number] = follower.begun
            self._wrote(number, values)
            if POPULATION in values:
                self._read_due = 0.0

    def _wrote(self, number: int, values: Mapping[str, bytes]) -> None:
        """These are in Redis. What was said anew meanwhile is not, nor who was given up."""
        said, unwritten = self._values.get(number, {}), self._unwritten.get(number, set())
        unwritten -= {name for name, value in values.items() if said.get(name) is value}

    async def _read(self, link: Link, gen: int) -> None:
        merged = Population()
        for value in (await self._store.summaries(link, POPULATION, gen)).values():
            said = decode_population(value)
            if said is not None:
                merged.merge(said)
        found = merged.ranks()
        if found is not None and (self.ranks is None or self.ranks.moved(found)):
            self.ranks = found
