"""`ltv builds`: every build with its size, who works on it, how far it is, and what Redis shows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import click
import orjson
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from stream_app.jobs.builds.known import Build, builds_among, topic_counts
from stream_app.jobs.builds.positions import cut_of, lag, topics_of, watermarks
from stream_app.jobs.builds.redis_link import publication_store
from stream_app.settings import Settings
from stream_app.stores.groups import Group, describe_group
from stream_app.stores.log_reader import LogReader, log_reader
from stream_app.stores.publication import Publication
from stream_app.stores.published import decode
from stream_app.stores.topics import admin_client


@dataclass(frozen=True)
class Listed:
    """One build."""

    build: int
    topic: str
    group: str
    partitions: int
    records: int
    """Offsets between start and end of its changelog: at least as many as its customers."""
    state: str
    """Of the group, as its coordinator says it."""
    members: int
    """Workers alive."""
    stateless: int
    """Partitions that hold no state yet."""
    unfinished: bool
    """Whether its backfill or replay has not come to its end: no worker takes it yet."""
    lag: int | None
    """Records of the topics that are not in the state; None where one of them is gone."""
    topics: list[str]
    """What it was built from."""
    publishes: bool
    published: dict[int, dict[str, int]]
    """By partition: `gen` under which it was last published, `position` in the changelog up to
    which (negative while everything is), `behind`: records from there to the changelog's end."""


def run(settings: Settings, *, as_json: bool) -> int:
    """Print the builds."""
    publication, builds = asyncio.run(listed(settings))
    if as_json:
        answer: dict[str, Any] = {
            **asdict(publication),
            "builds": [_as_object(one) for one in builds],
        }
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
        return 0
    for line in lines(publication, builds):
        click.echo(line)
    if not builds:
        click.echo("There is no build yet: `ltv worker` makes the first.", err=True)
    return 0


async def listed(settings: Settings) -> tuple[Publication, list[Listed]]:
    """Every build in order; Unreachable where Kafka or Redis is away."""
    counts = await topic_counts(settings)
    async with (
        log_reader(settings) as log,
        publication_store(settings) as store,
        admin_client(settings) as admin,
    ):
        publication = await store.read()
        builds = builds_among(settings, counts).values()
        published = {one.number: await store.published(one.number) for one in builds}
        return publication, [
            await _listed(log, admin, one, counts, publication, published[one.number])
            for one in builds
        ]


async def _listed(
    log: LogReader,
    admin: AIOKafkaAdminClient,
    build: Build,
    counts: Mapping[str, int],
    publication: Publication,
    published: Mapping[int, bytes],
) -> Listed:
    group: Group = await describe_group(admin, build.settings.group)
    places = [TopicPartition(build.topic, number) for number in range(build.partitions)]
    starts, ends = await log.starts(places), await log.ends(places)
    marks = await watermarks(log, build)
    return Listed(
        build=build.number,
        topic=build.topic,
        group=build.settings.group,
        partitions=build.partitions,
        records=sum(ends[place] - starts[place] for place in places),
        state=group.state,
        members=group.members,
        stateless=build.partitions - len(marks),
        unfinished=any(mark.unfinished for mark in marks.values()),
        lag=await lag(log, cut_of(marks), counts),
        topics=sorted(topics_of(marks)),
        publishes=publication.build == build.number,
        published=_positions(published, {place.partition: end for place, end in ends.items()}),
    )


def _positions(stored: Mapping[int, bytes], ends: Mapping[int, int]) -> dict[int, dict[str, int]]:
    found = {number: decode(value) for number, value in sorted(stored.items())}
    return {
        number: {
            "gen": value.gen,
            "position": value.position,
            "behind": max(0, ends.get(number, 0) - max(value.position, 0)),
        }
        for number, value in found.items()
        if value is not None
    }


def _as_object(one: Listed) -> dict[str, Any]:
    published = {str(number): value for number, value in one.published.items()}
    return {**asdict(one), "published": published}


def lines(publication: Publication, builds: list[Listed]) -> Iterator[str]:
    """The builds for people, the publishing one marked."""
    head = ("build", "partitions", "records", "workers", "lag", "in Redis")
    rows = [head, *(_row(one, publication) for one in builds)] if builds else []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        mark = "*" if number and builds[number - 1].publishes else " "
        cells = (cell.rjust(width) for cell, width in zip(row[:-1], widths, strict=False))
        yield f"{mark} {'  '.join(cells)}  {row[-1]}"
    for build, gen in publication.pending:
        yield (
            f"The cut-over to build {publication.build} has not come to its end: hashes of build"
            f" {build}, gen {gen}, may still be there. `ltv cut-over --to {publication.build}` goes"
            " on with it."
        )


def _row(one: Listed, publication: Publication) -> tuple[str, ...]:
    return (
        str(one.build),
        f"{one.partitions:,}",
        f"{one.records:,}",
        f"{one.members:,}",
        _far(one),
        _in_redis(one, publication),
    )


def _far(one: Listed) -> str:
    if one.unfinished:
        return "unfinished"
    if one.stateless == one.partitions:
        return "no state"
    return "?" if one.lag is None else f"{one.lag:,}"


def _in_redis(one: Listed, publication: Publication) -> str:
    if not one.publishes:
        return "not published" if not one.published else "published before, not now"
    current = [value for value in one.published.values() if value["gen"] == publication.gen]
    whole = [value for value in current if value["position"] >= 0]
    words = f"publishes, gen {publication.gen}"
    if len(whole) < one.partitions:
        return f"{words}: {len(whole)} of {one.partitions} partitions are there"
    return f"{words}: all but {sum(value['behind'] for value in whole):,} records"
