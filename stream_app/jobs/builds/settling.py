"""Until a build that has just become the publisher has published everything.

Its worker notices within LTV_PUBLISH_CHECK and publishes every customer under the new generation;
a partition's published position says so at the end of it. In between a sample of its customers
tells how far it is.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiokafka import TopicPartition

from stream_app.errors import Incomplete, NotReady
from stream_app.jobs.builds.known import Build
from stream_app.jobs.progress import Progress
from stream_app.stores.log_reader import LogReader
from stream_app.stores.publication import Publication, PublicationStore
from stream_app.stores.published import decode
from stream_app.wire.changelog import CLAIM_KEY, WATERMARK_KEY

ROUND_SECONDS: Final = 0.25
STALL_SECONDS: Final = 120.0
"""How long nothing may move before the wait is given up."""
PLACES: Final = 10
AT_A_PLACE: Final = 10
"""The sample: so many records at so many places of each partition of the changelog."""
_CONTROL: Final = (CLAIM_KEY, WATERMARK_KEY)


async def wait_until_published(
    log: LogReader,
    store: PublicationStore,
    build: Build,
    publication: Publication,
    stall_seconds: float = STALL_SECONDS,
) -> None:
    """Return when every partition of `build` is published under the generation.

    NotReady when another build has become the publisher, Incomplete when nothing moves any more.
    """
    sample = await sampled(log, build)
    clock = asyncio.get_running_loop().time
    moved, last = clock(), (-1, -1)
    with Progress(f"publishing build {build.number}", "sampled customers", len(sample)) as progress:
        while True:
            partitions = await published_partitions(store, build, publication)
            gens = await store.generations(sample)
            seen = partitions, sum(gen == publication.gen for gen in gens)
            await demand_still(store, publication)
            progress.advance(max(0, seen[1] - progress.done))
            if partitions == build.partitions:
                return
            if seen != last:
                moved, last = clock(), seen
            if clock() - moved > stall_seconds:
                raise _stalled(build, publication, partitions, stall_seconds)
            await asyncio.sleep(ROUND_SECONDS)


async def published_partitions(
    store: PublicationStore, build: Build, publication: Publication
) -> int:
    """How many partitions Redis shows whole under the generation."""
    stored = await store.published(build.number)
    found = [decode(value) for value in stored.values()]
    return sum(
        one is not None and one.gen == publication.gen and one.position >= 0 for one in found
    )


async def demand_still(store: PublicationStore, publication: Publication) -> None:
    """NotReady where another publication has begun."""
    now = await store.read()
    if (now.build, now.gen) != (publication.build, publication.gen):
        raise overtaken(now)


def overtaken(now: Publication) -> NotReady:
    """What to say when somebody else has switched meanwhile."""
    return NotReady(
        f"Somebody else has switched meanwhile: build {now.build} publishes by now, with gen"
        f" {now.gen}."
    )


async def sampled(log: LogReader, build: Build) -> list[bytes]:
    """Some customers of every partition, spread over its changelog."""
    places = [TopicPartition(build.topic, number) for number in range(build.partitions)]
    starts, ends = await log.starts(places), await log.ends(places)
    found: dict[bytes, None] = {}
    for step in range(PLACES):
        begins = {p: starts[p] + (ends[p] - starts[p]) * step // PLACES for p in places}
        stops = {place: min(begins[place] + AT_A_PLACE, ends[place]) for place in places}
        async for _, records, _ in log.read(begins, stops):
            keys = (record.key for record in records if record.key and record.value)
            found.update((key, None) for key in keys if key not in _CONTROL)
    return list(found)


def _stalled(build: Build, publication: Publication, partitions: int, seconds: float) -> Incomplete:
    return Incomplete(
        f"Build {build.number} publishes since gen {publication.gen}, but only {partitions} of"
        f" {build.partitions} partitions are in Redis and nothing has moved for {seconds:g} s: is"
        f" its worker well? `ltv cut-over --to {build.number}` goes on from here, --back undoes it."
    )
