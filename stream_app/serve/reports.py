"""The cohort report for who asks over HTTP: made in a thread, and kept until its totals change."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from stream_app.core.cohorts.cells import Table
from stream_app.core.cohorts.report import NO_CHANNEL, Report, report
from stream_app.core.cohorts.report_object import NAMES
from stream_app.core.cohorts.unpacked import NO_MONTH
from stream_app.errors import Fault
from stream_app.jobs.report.command import answer, day_of_report, known_at
from stream_app.jobs.report.costs import by_month, read_costs
from stream_app.serve.asking import Question
from stream_app.serve.publication import Publication
from stream_app.serve.trouble import BadQuestion, Wrong
from stream_app.settings import Settings
from stream_app.stores.keys import COHORTS
from stream_app.wire.published_cohorts import PublishedCohorts, published_cohorts

T = TypeVar("T")

KEPT: Final = 16
"""Answers kept: one of 300 cohorts is megabytes."""
NAMED: Final = 20
"""Channels that a message names at most."""
COUNTS: Final = ("offset", "month", "state", "state_so_far")
"""What is told of an offset beside the one metric that was asked for."""


class Made(NamedTuple):
    """A report, and all of its numbers as plain objects."""

    report: Report
    answer: dict[str, Any]


class Reports:
    """Makes reports of what is published."""

    def __init__(self, settings: Settings, publication: Publication) -> None:
        self._settings = settings
        self._publication = publication
        self._values: dict[int, bytes] = {}
        self._published: dict[Table, PublishedCohorts] = {}
        """Of these values."""
        self._kept: OrderedDict[Any, Any] = OrderedDict()
        """What was made of them."""
        self._at_once = asyncio.Semaphore(1)

    async def of(self, asked: Question, name: str, work: Callable[[Made], T]) -> T:
        """What `work`, called `name`, makes of a report; made once for the same totals and day."""
        return await self._with_totals(lambda: self._make(asked, name, work))

    async def has_cohorts(self, by: Table) -> bool:
        """Whether there is any cohort with a month."""

        def look() -> bool:
            return any(month != NO_MONTH for month in self._totals(by).columns.month.tolist())

        return await self._with_totals(look)

    async def _with_totals(self, work: Callable[[], T]) -> T:
        """Do it in a thread, on what is published now."""
        (values,) = await self._publication.summaries(COHORTS)
        if not values:
            raise self._publication.nothing("cohort totals are")

        def done() -> T:
            if values != self._values:
                self._values = values
                self._published.clear()
                self._kept.clear()
            return work()

        async with self._at_once:  # one at a time leaves the customers half of the interpreter
            return await asyncio.to_thread(done)

    def _make(self, asked: Question, name: str, work: Callable[[Made], T]) -> T:
        published = self._totals(asked.by)
        day = day_of_report(self._settings, published)
        key = (asked, name, day, self._costs_version())
        if key in self._kept:
            self._kept.move_to_end(key)
            found: T = self._kept[key]
            return found
        check_channel(asked, published)
        self._kept[key] = made = work(made_of(self._settings, published, asked, day))
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return made

    def _totals(self, by: Table) -> PublishedCohorts:
        if by not in self._published:
            try:
                self._published[by] = published_cohorts(self._values, by)
            except ValueError as error:
                raise Fault(
                    f"The cohort totals at {self._publication.shown} can't be read: {error}."
                ) from None
        return self._published[by]

    def _costs_version(self) -> float:
        path = self._settings.cac_file
        try:
            return Path(path).stat().st_mtime if path else 0.0
        except OSError:
            return -1.0


def made_of(settings: Settings, published: PublishedCohorts, asked: Question, day: int) -> Made:
    """The report, with costs where a file of them is set."""
    costs = None
    if settings.cac_file:
        read = read_costs(Path(settings.cac_file), published.currency, "LTV_CAC_FILE")
        costs = by_month(read, asked.channel)
    made = report(published.columns, asked.asked, known_at(settings, published, day), costs)
    return Made(made, answer(made, published, day))


def check_channel(asked: Question, published: PublishedCohorts) -> None:
    """BadQuestion where no customer came by the channel."""
    named = [NO_CHANNEL if name is None else name for name in published.channels]
    if asked.channel is None or asked.channel in named:
        return
    shown = ", ".join(ascii(name) for name in named[:NAMED]) or "none"
    more = f" and {len(named) - NAMED:,} more" if len(named) > NAMED else ""
    raise BadQuestion(
        [Wrong("channel", f"no customer came by {asked.channel!a}; there are {shown}{more}")]
    )


def of_metric(found: dict[str, Any], asked: Question) -> dict[str, Any]:
    """The report with one metric, where one was asked for."""
    if asked.metric is None:
        return found
    name = NAMES.get(asked.metric, "net_minor")
    cohorts = [
        line | {"offsets": [None if one is None else _only(one, name) for one in line["offsets"]]}
        for line in found["cohorts"]
    ]
    pooled = [{"offset": one["offset"], name: one.get(name)} for one in found["pooled"]]
    return found | {"metric": asked.metric, "cohorts": cohorts, "pooled": pooled}


def _only(one: dict[str, Any], name: str) -> dict[str, Any]:
    return {kept: one[kept] for kept in (*COUNTS, name)}
