"""What the demo's worker says of all customers together: its models' grades, the cohort report."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from stream_app.core.cohorts.cells import Table
from stream_app.jobs import model_grades
from stream_app.jobs.models_topic import read_models
from stream_app.jobs.report.command import Made, Options, make
from stream_app.settings import Settings
from stream_app.stores.keys import COHORTS, GRADES
from stream_app.stores.reader import score_reader
from stream_app.wire import cohorts, grades

BY: Table = "first-purchase"
"""The sample has no signups."""


def partitions_up_to_date(settings: Settings) -> int:
    """Of how many partitions grades and cohort totals show all that their hashes show."""
    with score_reader(
        settings.redis_url, settings.redis_url, settings.key_prefix, settings.build
    ) as reader:
        published = {number: one.position for number, one in reader.published().items()}
        graded = {n: _graded_to(value) for n, value in reader.summaries(GRADES).items()}
        counted = {n: _counted_to(value) for n, value in reader.summaries(COHORTS).items()}
    return sum(
        graded.get(number) == counted.get(number) == position
        for number, position in published.items()
    )


def _graded_to(value: bytes) -> int | None:
    found = grades.decode(value)
    return found.position if found is not None and any(found.models) else None


def _counted_to(value: bytes) -> int:
    return cohorts.decode(value, BY)[0].position


def model_in_use_graded(settings: Settings) -> tuple[list[str], Mapping[str, Any] | None]:
    """How the model in use has done on what came after it: lines for people, and an object."""
    found = model_grades.read_grades(settings)
    parameters = asyncio.run(read_models(settings))[-1].parameters
    lines = [line.strip() for line in model_grades.lines(found, parameters)]
    return lines, model_grades.as_object(found, parameters)


def cohort_report(settings: Settings) -> Made:
    """The report by first purchase, of the totals that the worker keeps."""
    return make(settings, Options(by=BY))
