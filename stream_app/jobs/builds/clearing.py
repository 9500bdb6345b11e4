"""Hashes of customers whom only an older build knew, deleted by key, from that build's changelog.

Once the new build has published everything, each hash of an older generation is of somebody the new
build doesn't know. So the older build's changelog is read as it is, without looking at the newer
one, and Redis deletes what is older, each under guard: a customer whom the new build meets in this
very moment has the new generation and stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from aiokafka import TopicPartition

from stream_app import failpoints
from stream_app.jobs.builds.known import Build
from stream_app.jobs.builds.settling import overtaken
from stream_app.jobs.progress import Progress
from stream_app.stores.log_reader import LogReader
from stream_app.stores.publication import Publication, PublicationStore

AT_ONCE: Final = 500
"""Customers a script call: Redis does nothing else for about a third of a millisecond."""


async def clear(
    log: LogReader, store: PublicationStore, older: Build, publication: Publication
) -> int:
    """Delete what only `older` knew; how many hashes that were."""
    places = [TopicPartition(older.topic, number) for number in range(older.partitions)]
    starts, ends = await log.starts(places), await log.ends(places)
    total = sum(ends[place] - starts[place] for place in places)
    deleted = 0
    with Progress(f"clearing up after build {older.number}", "records", total) as progress:
        async for _, records, _ in log.read(starts, ends):
            for some in _pieces(_customers(records)):
                found = await store.clear(publication, some)
                if found is None:
                    raise overtaken(await store.read())
                deleted += found
                failpoints.hit("mid_clear")
            progress.advance(len(records))
    return deleted


def _customers(records: Iterable[Any]) -> Iterator[bytes]:
    """Ids of customers, each once; control keys begin with a zero byte, which no id does."""
    yield from dict.fromkeys(one.key for one in records if one.key and one.key[0])


def _pieces(customers: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    waiting: list[bytes] = []
    for one in customers:
        waiting.append(one)
        if len(waiting) == AT_ONCE:
            yield waiting
            waiting = []
    if waiting:
        yield waiting
