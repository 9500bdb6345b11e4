"""Whether a build can become the publisher: a reader must not see less than before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stream_app.errors import ConfigurationError, NotReady
from stream_app.jobs.builds.known import Build
from stream_app.jobs.builds.positions import Cut, behind, cut_of, lag, topics_of, watermarks
from stream_app.stores.groups import describe_group
from stream_app.stores.log_reader import LogReader
from stream_app.stores.publication import PublicationStore
from stream_app.stores.topics import admin_client

CATCH_UP_SECONDS: Final = 10.0
"""How long the build may take to reach what the publishing one had read when it was asked."""
ROUND_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Demands:
    """What may be left out of the checks."""

    max_lag: int = 1000
    """Records of its topics that the build may lack."""
    other_topics: bool = False
    """It may have been built from other topics than the publishing build."""
    force: bool = False
    """Its worker need not run."""


@dataclass
class Readiness:
    """One look at a build that is to publish, beside the one that does."""

    log: LogReader
    store: PublicationStore
    build: Build
    publishing: Build | None
    """None where nobody publishes, or the publishing build's changelog is gone."""
    topics: Mapping[str, int]
    """Every topic of the cluster, with its partitions."""

    async def demand(self, demands: Demands) -> int:
        """The build's lag in records; NotReady or ConfigurationError where it can't publish."""
        # The publishing build first: what it had read then, the other has to have read now.
        shown = await self._cut(self.publishing) if self.publishing is not None else {}
        marks = await watermarks(self.log, self.build)
        stateless = sorted(set(range(self.build.partitions)) - marks.keys())
        if stateless:
            raise NotReady(
                f"Build {self.build.number} has no state in partition {stateless[0]} yet: its"
                f" worker (LTV_BUILD={self.build.number}) has to run first."
            )
        if any(mark.unfinished for mark in marks.values()):
            raise NotReady(
                f"Build {self.build.number} is unfinished: what was making it has ended on the way."
                " Give its ltv backfill or ltv replay again."
            )
        same_topics = not shown or {place.topic for place in shown} == topics_of(marks)
        if not same_topics and not demands.other_topics:
            raise self._other_topics({place.topic for place in shown}, topics_of(marks))
        lacking = await self._demand_lag(cut_of(marks), demands)
        if not demands.force:
            await self._demand_worker()
        if same_topics:
            await self._demand_all_of(shown, demands)
        return lacking

    async def _cut(self, build: Build) -> Cut:
        return cut_of(await watermarks(self.log, build))

    def _other_topics(self, shown: set[str], own: frozenset[str]) -> ConfigurationError:
        assert self.publishing is not None
        return ConfigurationError(
            f"Build {self.build.number} was built from {_list(own)}, and build"
            f" {self.publishing.number}, which publishes, from {_list(shown)}: offsets can't tell"
            " whether it knows as much. Where `ltv diff` finds them equal, say --other-topics."
        )

    async def _demand_lag(self, cut: Cut, demands: Demands) -> int:
        lacking = await lag(self.log, cut, self.topics)
        if lacking is None:
            gone = sorted({place.topic for place in cut} - self.topics.keys())
            raise ConfigurationError(
                f"Build {self.build.number} was built from {_list(gone)}, which is not there."
            )
        if lacking > demands.max_lag:
            raise NotReady(
                f"Build {self.build.number} has {lacking:,} records still to read, and"
                f" {demands.max_lag:,} are allowed (--max-lag): wait until its worker is through."
            )
        return lacking

    async def _demand_worker(self) -> None:
        group = self.build.settings.group
        async with admin_client(self.build.settings) as admin:
            found = await describe_group(admin, group)
        if not found.alive:
            raise NotReady(
                f"No worker of build {self.build.number} is alive (group {group!r} is"
                f" {found.state}), so nobody would publish: start one, or say --force."
            )
        missing = (
            set(range(self.build.partitions)) - (await self.store.epochs(self.build.number)).keys()
        )
        if missing:
            raise NotReady(
                f"No worker of build {self.build.number} has asked this Redis about partition"
                f" {min(missing)}: do its workers use another LTV_REDIS_URL or LTV_KEY_PREFIX? If"
                " they have only just started, try again; or say --force."
            )

    async def _demand_all_of(self, shown: Cut, demands: Demands) -> None:
        """Wait a moment until the build has read what the publishing one had."""
        deadline = asyncio.get_running_loop().time() + CATCH_UP_SECONDS
        while True:
            lacking = behind(await self._cut(self.build), shown)
            if not lacking:
                return
            if asyncio.get_running_loop().time() > deadline:
                assert self.publishing is not None
                raise NotReady(
                    f"Build {self.build.number} lacks {lacking:,} records that build"
                    f" {self.publishing.number} has published: customers would go back in time."
                    " Wait until it has caught up."
                )
            await asyncio.sleep(ROUND_SECONDS)


def _list(names: set[str] | frozenset[str] | list[str]) -> str:
    return ", ".join(map(repr, sorted(names)))
