"""`ltv cut-over`: another build publishes from here on, and no reader notices.

1. The build is looked at: it has state, has read what the publishing build has, has a worker.
2. One guarded script makes it the publisher, with the next generation. From this step on Redis
   refuses what the older build's workers write.
3. Its worker publishes every customer under the new generation; that is waited for.
4. Hashes of customers whom only the older build knew are deleted, then what was said of its
   partitions as wholes.
5. The publication is marked as finished.

A command that dies anywhere is given again: before step 2 nothing has happened, after it
`ltv:gen` says what is left to do. The way back is the same thing the other way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final

import click
import orjson

from stream_app import failpoints
from stream_app.errors import NotFound
from stream_app.jobs.builds.clearing import clear
from stream_app.jobs.builds.known import Build, builds_among, the_build, topic_counts
from stream_app.jobs.builds.readiness import Demands, Readiness
from stream_app.jobs.builds.redis_link import publication_store
from stream_app.jobs.builds.settling import overtaken, wait_until_published
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader, log_reader
from stream_app.stores.publication import Publication, PublicationStore

NOBODY: Final = 0


@dataclass(frozen=True)
class Order:
    """What is asked for."""

    to: int | None
    """The build that is to publish; None: the one that did before."""
    demands: Demands
    dry_run: bool = False


@dataclass(frozen=True)
class Report:
    """What was done."""

    build: int
    gen: int
    """Of the publication as it is now; with `dry_run` as it would be."""
    before: int | None
    """The build that published when the command began; None: nobody."""
    switched: bool
    """False where the build published already."""
    lag: int | None
    """Records of its topics that the build lacked before the switch."""
    cleared: int
    """Hashes deleted, of customers whom only older builds knew."""
    notes: tuple[str, ...] = ()
    dry_run: bool = False
    seconds: float = 0.0


def run(settings: Settings, order: Order, *, as_json: bool) -> int:
    """Cut over, and say what was done."""
    failpoints.arm(settings.failpoint)
    report = asyncio.run(cut_over(settings, order))
    if as_json:
        click.echo(orjson.dumps(asdict(report), option=orjson.OPT_INDENT_2))
        return 0
    for note in report.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(_words(report))
    return 0


async def cut_over(settings: Settings, order: Order) -> Report:
    """Do it, or finish what was begun.

    NotFound where a build is not there, NotReady or ConfigurationError where it can't publish,
    Incomplete where its worker doesn't get on, Unreachable where a server is away.
    """
    began = time.monotonic()
    topics = await topic_counts(settings)
    async with log_reader(settings) as log, publication_store(settings) as store:
        report = await _CutOver(settings, order, topics, log, store).run()
    return replace(report, seconds=time.monotonic() - began)


class _CutOver:
    def __init__(
        self,
        settings: Settings,
        order: Order,
        topics: Mapping[str, int],
        log: LogReader,
        store: PublicationStore,
    ) -> None:
        self._order = order
        self._topics = topics
        self._builds = builds_among(settings, topics)
        self._log = log
        self._store = store

    async def run(self) -> Report:
        found = await self._store.read()
        number, way_back = self._target(found)
        build = the_build(self._builds, number)
        if found.build == number:
            return await self._finish(
                build, found, Report(number, found.gen, number, False, None, 0)
            )
        readiness = Readiness(
            self._log, self._store, build, self._builds.get(found.build or NOBODY), self._topics
        )
        lag = await readiness.demand(self._order.demands)
        report = Report(number, found.gen + 1, found.build, True, lag, 0)
        if self._order.dry_run:
            return replace(report, dry_run=True)
        failpoints.hit("before_switch")
        if not await self._store.switch(found, number, way_back=way_back):
            raise overtaken(await self._store.read())
        failpoints.hit("after_switch")
        publication = await self._store.read()
        if (publication.build, publication.gen) != (number, report.gen):
            raise overtaken(publication)
        return await self._finish(build, publication, report)

    def _target(self, found: Publication) -> tuple[int, bool]:
        """Which build is to publish, and whether that is the way back."""
        if self._order.to is not None:
            return self._order.to, False
        if found.before is not None:
            return found.before, True
        if found.build is not None and found.pending:
            return found.build, True  # a way back that was not finished
        raise NotFound(
            "There is no cut-over to undo: the last one has been undone, or there was none. Name a"
            " build with --to."
        )

    async def _finish(self, build: Build, publication: Publication, report: Report) -> Report:
        """What comes after the switch, as far as it is not done."""
        if self._order.dry_run or not (report.switched or publication.pending):
            return replace(report, dry_run=self._order.dry_run)
        await wait_until_published(self._log, self._store, build, publication)
        cleared, notes = 0, []
        for number in sorted({number for number, _ in publication.pending} - {build.number}):
            older = self._builds.get(number)
            if older is None:
                notes.append(
                    f"the changelog of build {number} is gone, so customers whom only it knew can't"
                    " be found: their hashes stay"
                )
            else:
                cleared += await clear(self._log, self._store, older, publication)
        failpoints.hit("before_finish")
        if not await self._store.finish(publication):
            raise overtaken(await self._store.read())
        return replace(report, cleared=cleared, notes=tuple(notes))


def _words(report: Report) -> str:
    if report.dry_run and report.switched:
        return (
            f"Build {report.build} is ready ({report.lag:,} records behind) and would publish with"
            f" gen {report.gen}. Nothing was changed."
        )
    if report.dry_run:
        return f"Build {report.build} publishes already, gen {report.gen}. Nothing was changed."
    done = "publishes" if report.switched else "published already"
    return (
        f"Build {report.build} {done}, gen {report.gen}; {report.cleared:,} customers whom only an"
        f" older build knew are gone. {report.seconds:.1f} s"
    )
