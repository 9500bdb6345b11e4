"""Hashes that did not show the state at the cut, looked at again.

Under live traffic a hash may be newer than the cut: then it must show a record further on in the
changelog, and agree with that one.  Or it is older: then it is on its way, and gets a few seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from aiokafka import TopicPartition

from stream_app.jobs.changelog_reader import ChangelogView, Version, read_on
from stream_app.jobs.verification.findings import Findings
from stream_app.jobs.verification.hashes import (
    Expectation,
    Expected,
    Hash,
    count,
    differences,
    position,
)
from stream_app.stores.log_reader import LogReader

ROUND_SECONDS = 0.2
AT_ONCE = 1_000

Trouble = Literal["missing", "stale", "extra", "different"]
_WORDS: dict[Trouble, str] = {
    "missing": "has no hash",
    "stale": "shows changelog offset {pos}, which is not the newest",
    "extra": "has a hash, but is in no state",
    "different": "says pos {pos}, where the changelog has no valid record of this customer",
}


@dataclass(frozen=True, slots=True)
class Suspect:
    """A hash to look at again: the customer's version at the cut, None where there was none."""

    version: Version | None


class Follower:
    """Reads on in the changelog and looks at hashes until each suspect is settled."""

    def __init__(
        self,
        log: LogReader,
        topic: str,
        views: Mapping[int, ChangelogView],
        redis: Expectation,
        findings: Findings,
    ) -> None:
        self._log = log
        self._topic = topic
        self._views = views
        self._redis = redis
        self._findings = findings

    async def settle(self, suspects: dict[bytes, Suspect], *, seconds: float) -> None:
        """Find each suspect equal, or wrong in one way; what is late gets `seconds`."""
        for view in self._views.values():
            view.follow(suspects)
        deadline = time.monotonic() + seconds
        while suspects:
            last = time.monotonic() >= deadline
            for customers in pieces(list(suspects), AT_ONCE):
                hashes = await self._redis.read(customers)
                # What these hashes show lies below the ends that are read up to now.
                await self._read_on()
                for one in self._settled(customers, hashes, suspects, last=last):
                    del suspects[one]
            if suspects:
                await asyncio.sleep(ROUND_SECONDS)

    async def _read_on(self) -> None:
        places = [TopicPartition(self._topic, number) for number in self._views]
        for place, end in (await self._log.ends(places)).items():
            view = self._views[place.partition]
            if end > view.next_offset:
                await read_on(self._log, self._topic, view, end)

    def _settled(
        self,
        customers: Sequence[bytes],
        hashes: Sequence[Hash],
        suspects: Mapping[bytes, Suspect],
        *,
        last: bool,
    ) -> list[bytes]:
        """Customers of whom all is known now."""
        settled: list[bytes] = []
        pairs: list[tuple[Hash, Expected]] = []
        for customer, found in zip(customers, hashes, strict=True):
            match = self._match(customer, found, suspects[customer])
            if isinstance(match, Version):
                pairs.append((found, self._redis.expect(customer, match)))
            elif match is None:
                settled.append(customer)
            elif last or match in ("extra", "different"):
                settled.append(customer)
                self._wrong(customer, match, found)
        for (found, expected), what in zip(pairs, differences(pairs, self._redis), strict=True):
            if what is None or last or found.get("gen") == self._redis.gen:
                settled.append(expected.customer_id)
                count(expected.customer_id, what, self._findings)
        return settled

    def _match(self, customer: bytes, found: Hash, suspect: Suspect) -> Version | Trouble | None:
        """The version that the hash shows, or what is wrong; None: no state, no hash, all well."""
        known = suspect.version
        if known is None and not any(customer in view.customers for view in self._views.values()):
            return "extra" if found else None
        if not found:
            return "missing"
        pos = position(found)
        if known is not None and pos <= known.pos:
            return known if pos == known.pos else "stale"
        for view in self._views.values():
            key, body = view.history.get(pos, (None, b""))
            if key == customer:
                return Version(pos, body)
        return "different"

    def _wrong(self, customer: bytes, trouble: Trouble, found: Hash) -> None:
        tally = self._findings.redis
        assert tally is not None
        setattr(tally, trouble, getattr(tally, trouble) + 1)
        what = _WORDS[trouble].format(pos=found.get("pos"))
        self._findings.differs("redis", customer.decode("utf-8", "replace"), what)


def pieces(customers: Sequence[bytes], size: int) -> list[Sequence[bytes]]:
    """Cut a list into parts of at most `size`."""
    return [customers[at : at + size] for at in range(0, len(customers), size)]
