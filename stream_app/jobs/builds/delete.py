"""`ltv builds delete N`: what a retired build has left in Kafka and Redis, removed.

The group goes first and the changelog last, so that a build half removed is still listed, and the
command can be given again.
"""

from __future__ import annotations

import asyncio
import sys

import click
import orjson
from aiokafka.admin import AIOKafkaAdminClient

from stream_app.errors import NotReady, UsageError
from stream_app.jobs.builds.known import Build, builds_among, the_build, topic_counts
from stream_app.jobs.builds.redis_link import publication_store
from stream_app.settings import Settings
from stream_app.stores.groups import Group, delete_group, delete_topic, describe_group
from stream_app.stores.publication import Publication, PublicationStore
from stream_app.stores.topics import admin_client


def run(settings: Settings, number: int, *, yes: bool, as_json: bool) -> int:
    """Remove a build after asking."""
    build = asyncio.run(removable(settings, number))
    if not yes:
        _ask(build)
    asyncio.run(delete(settings, build))
    if as_json:
        answer = {"deleted": number, "topic": build.topic, "group": build.settings.group}
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
    else:
        click.echo(f"Build {number} is gone: topic {build.topic}, group {build.settings.group}.")
    return 0


async def removable(settings: Settings, number: int) -> Build:
    """The build; NotFound where there is none, NotReady where it is needed."""
    build = the_build(builds_among(settings, await topic_counts(settings)), number)
    async with publication_store(settings) as store, admin_client(settings) as admin:
        await _check(store, admin, build)
    return build


async def delete(settings: Settings, build: Build) -> None:
    """Remove group, bookkeeping and changelog, unless the build is needed by now."""
    async with publication_store(settings) as store, admin_client(settings) as admin:
        await _check(store, admin, build)
        if not await delete_group(admin, build.settings.group):
            raise _working(build, await describe_group(admin, build.settings.group))
        if not await store.retire(build.number):
            raise _publishing(build)
        await delete_topic(admin, build.topic)


async def _check(store: PublicationStore, admin: AIOKafkaAdminClient, build: Build) -> None:
    publication: Publication = await store.read()
    if publication.build == build.number:
        raise _publishing(build)
    if build.number in {number for number, _ in publication.pending}:
        raise NotReady(
            f"The cut-over from build {build.number} has not come to its end, and the changelog of"
            " build"
            f" {build.number} says which hashes are left: `ltv cut-over --to {publication.build}`"
            " first."
        )
    group = await describe_group(admin, build.settings.group)
    if group.alive:
        raise _working(build, group)


def _publishing(build: Build) -> NotReady:
    return NotReady(
        f"Build {build.number} publishes: readers see its scores. `ltv cut-over` to another build"
        " comes first."
    )


def _working(build: Build, group: Group) -> NotReady:
    workers = "a worker is" if group.members == 1 else f"{group.members} workers are"
    return NotReady(
        f"Build {build.number} is in use: {workers} alive in group {build.settings.group!r}. Stop"
        " them first."
    )


def _ask(build: Build) -> None:
    what = f"topic {build.topic} and group {build.settings.group}"
    if not sys.stdin.isatty():
        raise UsageError(
            f"{what[0].upper()}{what[1:]} would be deleted for good; say --yes to do it."
        )
    click.confirm(f"Delete {what} for good?", abort=True, err=True)
