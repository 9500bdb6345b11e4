"""Redis as `ltv verify` reads it: every hash of a partition's customers, and hashes of nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Mapping
from hashlib import sha256
from types import TracebackType
from typing import Self

from stream_app.errors import LtvError, VerificationFailed
from stream_app.jobs.changelog_reader import ChangelogView, Version
from stream_app.jobs.recount.instant import day_reader
from stream_app.jobs.verification.assigned import Assigned
from stream_app.jobs.verification.findings import Findings, Tally
from stream_app.jobs.verification.follow import AT_ONCE, Suspect, pieces
from stream_app.jobs.verification.hashes import Expectation, count, differences, position
from stream_app.jobs.verification.rescoring import Rescoring
from stream_app.settings import Settings
from stream_app.settings.declaration import url_without_password
from stream_app.stores.address import address
from stream_app.stores.keys import Keys
from stream_app.stores.redis import Link
from stream_app.stores.trouble import failure

_SCAN_COUNT = b"2000"


class RedisSide:
    """One connection, and the first look at every hash; trouble becomes one sentence."""

    def __init__(self, settings: Settings, scores: Rescoring) -> None:
        self._settings = settings
        self._scores = scores
        self._keys = Keys(settings.key_prefix, settings.build)

    async def __aenter__(self) -> Self:
        self._link = await Link.open(address(self._settings.redis_url))
        try:
            gen = await self._generation()
            share = self._settings.challenger_share
            self._assigned = await Assigned.read(self._link, self._keys, share)
        except BaseException:
            await self._close()
            raise
        self.expectation = Expectation(
            link=self._link,
            keys=self._keys,
            gen=gen,
            currency=self._settings.currency,
            day_of=day_reader(self._settings.time_zone),
            scores=self._scores,
        )
        return self

    async def _generation(self) -> str:
        """The generation that is published; VerificationFailed where it is not ours."""
        build, gen = await self._link.call(b"HMGET", self._keys.gen, b"build", b"gen")
        if build is None or gen is None:
            raise VerificationFailed(
                f"nothing has been published to {self._shown} under {self._settings.key_prefix!r}"
                " yet: has `ltv worker` run against this Redis? (--state-only leaves Redis out)"
            )
        if build != self._keys.build:
            raise VerificationFailed(
                f"Redis shows build {build.decode()}, not build {self._settings.build}"
                " (LTV_BUILD): verify that build, or leave Redis out with --state-only"
            )
        told: str = gen.decode()
        return told

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        await self._link.close()
        await asyncio.sleep(0)  # the loop closes a connection in its next turn, and may end now

    async def compare(
        self, view: ChangelogView, findings: Findings, wanted: Callable[[bytes], bool]
    ) -> dict[bytes, Suspect]:
        """Compare the hashes of one partition's customers; return those to look at again."""
        findings.redis = findings.redis or Tally()
        suspects: dict[bytes, Suspect] = {}
        customers = [one for one in view.customers if wanted(one)]
        for some in pieces(customers, AT_ONCE):
            versions = {one: view.customers[one] for one in some}
            suspects |= await self._compare(versions, findings)
        return suspects

    async def _compare(
        self, versions: Mapping[bytes, Version], findings: Findings
    ) -> dict[bytes, Suspect]:
        redis = self.expectation
        suspects, pairs = {}, []
        hashes = await redis.read(list(versions))
        for found, (customer, version) in zip(hashes, versions.items(), strict=True):
            if position(found) != version.pos or found.get("gen") != redis.gen:
                suspects[customer] = Suspect(version)
            else:
                pairs.append((found, redis.expect(customer, version)))
        customers = [expected.customer_id for _, expected in pairs]
        self._assigned.count(customers, [found for found, _ in pairs], findings)
        for (_, expected), what in zip(pairs, differences(pairs, redis), strict=True):
            count(expected.customer_id, what, findings)
        return suspects

    async def strangers(self, known: Container[bytes]) -> AsyncIterator[bytes]:
        """Customers who have a hash and are not `known`; looks through the whole database."""
        pattern = _literally(self._keys.opening) + b"*}"
        cursor = b"0"
        while True:
            cursor, keys = await self._link.call(
                b"SCAN", cursor, b"MATCH", pattern, b"COUNT", _SCAN_COUNT
            )
            for key in keys:
                customer = key[len(self._keys.opening) : -1]
                if customer not in known:
                    yield customer
            if cursor == b"0":
                return

    @property
    def _shown(self) -> str:
        return url_without_password(self._settings.redis_url)


def chosen(sample: int | None, customers: int) -> Callable[[bytes], bool]:
    """Which customers to look at, so that of `customers` about `sample` are; always the same ones.

    By other bytes of the hash than those that decide who scores a customer: a sample has both.

    >>> sum(map(chosen(100, 1_000), (b"%d" % n for n in range(1_000)))) in range(60, 140)
    True
    """
    if sample is None or customers <= sample:
        return lambda customer: True
    bound = int(sample / customers * 2**64)
    return lambda customer: int.from_bytes(sha256(customer).digest()[8:16], "big") < bound


def unreachable(settings: Settings, error: BaseException) -> LtvError:
    """Trouble with Redis as one sentence that holds no password."""
    return failure(error, url_without_password(settings.redis_url))


def _literally(text: bytes) -> bytes:
    """Escape what SCAN's patterns give a meaning to."""
    return b"".join(b"\\" + bytes([one]) if one in b"*?[]\\^-" else bytes([one]) for one in text)
