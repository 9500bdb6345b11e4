"""The verdict: what the state, the counts, the dead letters and Redis must be, and what they are.

What must be comes from the ledger by the oracle of tests/core/naive.py; of the product only the
reading of its own bytes is used.  ``lost`` and ``double`` are counted twice over, by the records
that the watermarks say were read and by the facts of each customer, so that a record folded twice
shows even where its identity was recognised.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import redis
from aiokafka import TopicPartition

from stream_app.core.customer import Customer
from stream_app.jobs.changelog_reader import ChangelogView, read_on
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.wire.state import decode
from tests.core.naive import Facts
from tests.core.naive_decoder import RawRecord
from tests.ledger import Ledger, Place
from tests.rig.cohorts import COHORTS_LATE_SECONDS, cohort_differences, expected_cohorts
from tests.rig.hashes import behind, judge_hashes, key_of
from tests.rig.letters import Origin, judge_letters, read_letters
from tests.rig.verdict import SHOWN, Verdict
from tests.rig.waiting import eventually


class Judge:
    """Reads one build's changelog as it grows, and judges when told to."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._log = LogReader(settings)
        self._topics = dict(
            zip(("purchases", "signups", "activity"), settings.source_topics, strict=True)
        )
        self.views = {number: ChangelogView(number) for number in range(settings.partitions)}
        self.cohorts_late = COHORTS_LATE_SECONDS
        """How long cohort totals may be behind the state."""
        self._looking = asyncio.Lock()

    async def start(self) -> None:
        """Connect."""
        await self._log.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._log.stop()

    def forget(self) -> None:
        """Read the changelog from its beginning again, as after it was made anew."""
        self.views = {number: ChangelogView(number) for number in self.views}

    async def look(self) -> None:
        """Read on to the changelog's end."""
        topic = self._settings.changelog_topic
        async with self._looking:  # a script and its pulse look at the same views
            ends = await self._log.ends([TopicPartition(topic, number) for number in self.views])
            for place, end in ends.items():
                await read_on(self._log, topic, self.views[place.partition], end)

    async def drained(self, seconds: float, meanwhile: Callable[[], None]) -> None:
        """Wait until the watermarks say that every record in the ledger was read.

        ``meanwhile`` is called at every look, and may raise what makes waiting useless.
        """

        async def is_drained() -> bool:
            await self.look()
            if not self._missing():
                return True
            meanwhile()
            return False

        await eventually(is_drained, self._undrained, seconds, every_seconds=0.2)

    @property
    def folded(self) -> int:
        """Records that the watermarks count, over all topics and partitions."""
        return sum(sum(counts) for counts in self._counts().values())

    def _undrained(self) -> str:
        return f"the state reaches the end of the log; it lacks {self._missing()}"

    def _missing(self) -> dict[tuple[str, int], tuple[int, int]]:
        """By (role, partition): (next offset of the state, the ledger's) where they differ."""
        wanted: dict[tuple[str, int], int] = {}
        for place in self._ledger.records:
            key = place.role, place.partition
            wanted[key] = max(wanted.get(key, 0), place.offset + 1)
        found = {key: self.position(*key) for key in wanted}
        return {key: (found[key], offset) for key, offset in wanted.items() if found[key] < offset}

    def position(self, role: str, number: int) -> int:
        """Next offset of a source topic's partition that the state holds, as last looked."""
        watermark = self.views[number].watermark
        source = watermark.sources.get(self._topics[role]) if watermark else None
        return source.next_offset if source else 0

    def moved_to(self, number: int) -> tuple[int, ...] | None:
        """Where a partition's state stands in each source topic; None before its first slice."""
        if self.views[number].watermark is None:
            return None
        return tuple(self.position(role, number) for role in self._topics)

    async def reread(self) -> int:
        """Enter what lies in the topics and nobody acknowledged; how many records that were.

        A producer that loses its broker sends again, and both copies may be in the log.  What was
        acknowledged must be there as it was sent: else the broker lost it, and nobody else.
        """
        roles = {topic: role for role, topic in self._topics.items()}
        places = [TopicPartition(topic, number) for topic in roles for number in self.views]
        starts, ends = await self._log.starts(places), await self._log.ends(places)
        known = dict(self._ledger.records)
        before = len(known)
        async for place, records, _ in self._log.read(starts, ends):
            for record in records:
                role = roles[place.topic]
                sent = known.pop(Place(role, place.partition, record.offset), None)
                if sent is None:
                    headers = tuple(record.headers)
                    raw = RawRecord(role, record.key, record.value, record.timestamp, headers)
                    self._ledger.add(raw, place.partition, record.offset)
                else:
                    assert (sent.key, sent.value) == (record.key, record.value)
        assert not known, f"the broker lost {len(known)} records that it had acknowledged"
        return len(self._ledger.records) - before

    # -- the verdict ---------------------------------------------------------------------------

    async def judge(self, store: redis.Redis | None) -> Verdict:
        """Compare all there is; without ``store``, all but Redis."""
        await self.look()
        verdict = Verdict(records=len(self._ledger.records))
        expected = self._ledger.customers()
        verdict.customers = len(expected)
        self._judge_counts(verdict)
        self._judge_state(verdict, expected)
        topic, partitions = self._settings.topic_dead_letters, self._settings.partitions
        letters = await read_letters(self._log, topic, partitions)
        judge_letters(verdict, letters, self._refused())
        if store is not None:
            judge_hashes(verdict, store, self._settings, expected)
            await self._judge_cohorts(verdict, store)
        return verdict

    async def _judge_cohorts(self, verdict: Verdict, store: redis.Redis) -> None:
        """Every cell of every cohort; the totals may be a moment behind the hashes."""
        expected = expected_cohorts(self._ledger.events(), self._settings)
        deadline = time.monotonic() + self.cohorts_late
        while True:
            found = cohort_differences(store, self._settings, expected)
            if not found or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.1)
        for words in found:
            verdict.differs(words)

    def _judge_counts(self, verdict: Verdict) -> None:
        found = self._counts()
        for key, expected in self._ledger.outcomes().items():
            counts = found.get(key, (0, 0, 0))
            surplus = sum(counts) - sum(expected)
            verdict.double += max(0, surplus)
            verdict.lost += max(0, -surplus)
            if counts != tuple(expected):
                verdict.differs(f"{key}: counted {counts}, expected {expected}")

    def _counts(self) -> dict[tuple[str, int], tuple[int, int, int]]:
        """By (role, partition): applied, duplicate, refused, as the watermarks have them."""
        found = {}
        for number, view in self.views.items():
            for role, topic in self._topics.items():
                source = view.watermark.sources.get(topic) if view.watermark else None
                if source is not None:
                    found[role, number] = source.applied, source.duplicate, source.refused
        return found

    def _judge_state(self, verdict: Verdict, expected: Mapping[str, Facts]) -> None:
        held = {key.decode(): decode(body) for key, (_, body) in self._versions()}
        for customer in sorted(held.keys() | expected.keys()):
            found, wanted = held.get(customer), expected.get(customer)
            rev = (found.rev if found else 0) - (wanted.rev if wanted else 0)
            verdict.double += max(0, rev)
            verdict.lost += max(0, -rev)
            if found is None or wanted is None:
                verdict.differs(f"{customer}: {'not in' if found is None else 'only in'} the state")
            else:
                for name, words in differing(found, wanted):
                    verdict.differs(f"{customer}: {name} is {words}")

    def _versions(self) -> Iterator[tuple[bytes, tuple[int, bytes]]]:
        for view in self.views.values():
            yield from view.customers.items()

    def _refused(self) -> dict[Origin, tuple[RawRecord, str]]:
        """The records that must be dead letters, and why."""
        return {
            (self._topics[place.role], place.partition, place.offset): (
                self._ledger.records[place],
                reason,
            )
            for place, reason in self._ledger.dead_letters().items()
        }

    async def published(
        self, store: redis.Redis, seconds: float, meanwhile: Callable[[], None]
    ) -> None:
        """Wait until every hash shows its customer's newest version; see `drained`."""
        late: list[str] = []

        async def is_published() -> bool:
            await self.look()
            late[:] = behind(store, self._settings, self.positions())
            if late:
                meanwhile()
            return not late

        await eventually(
            is_published,
            lambda: f"Redis shows the state; {len(late)} behind: {late[:SHOWN]}",
            seconds,
            every_seconds=0.1,
        )

    def positions(self) -> dict[str, int]:
        """Where in the changelog each customer's newest version lies."""
        return {key.decode(): pos for key, (pos, _) in self._versions()}

    def key_of(self, customer: str) -> str:
        """Where a customer's hash is."""
        return key_of(self._settings, customer)


def differing(found: Customer, wanted: Facts) -> Iterator[tuple[str, str]]:
    """Facts that differ: name, and both in words."""
    signup = found.signup
    pairs: dict[str, tuple[Any, Any]] = {
        "rev": (found.rev, wanted.rev),
        "days": ({day: sums for day, *sums in found.buckets}, _lists(wanted.days)),
        "signup": (
            None if signup is None else (signup.at_us, signup.event_id, signup.channel),
            wanted.signup,
        ),
        "activity": (set(found.active_months), set(wanted.activity_months)),
        "other currencies": (found.unconverted, wanted.other_currencies),
        "applied": (found.applied, wanted.identities),
    }
    for name, (ours, theirs) in pairs.items():
        if ours != theirs:
            yield name, f"{ours!r}, expected {theirs!r}"


def _lists(days: Mapping[int, tuple[int, int, int]]) -> dict[int, list[int]]:
    return {day: list(sums) for day, sums in days.items()}
