"""A source or setting that the state did not come from is refused before anything is folded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.rig.kafka_admin import add_partitions, delete_topic, recreate_topic
from tests.rig.script import drain, exits, feed, launch, sigterm, start
from tests.rig.stage import Stage, Stages

pytestmark = [pytest.mark.timeout(180), pytest.mark.fault("F19")]

WRONG = 78
SECONDS = 15.0
"""From the start of the worker to its end."""


@pytest.fixture
async def stage(stages: Stages) -> AsyncIterator[Stage]:
    """A state was built, its worker has stopped in order."""
    async with stages.open() as opened:
        await opened.play([start(), feed(2_000), drain(), sigterm()], judged=False)
        yield opened


async def _is_refused(stage: Stage, because: str, **settings: str) -> None:
    """A worker ends with 78 in time, says why in one sentence, and has folded nothing."""
    ends_before = {number: view.watermark for number, view in stage.judge.views.items()}
    await stage.play([launch(**settings), exits(WRONG, within=SECONDS)], judged=False)
    errors = [line for line in stage.worker.lines() if line.get("level") == "error"]
    assert [line.get("exit_code") for line in errors] == [WRONG], stage.worker.last_words
    sentence = errors[0]["event"]
    assert because in sentence, sentence
    assert "\n" not in sentence
    assert "Traceback" not in stage.worker.text
    await stage.judge.look()
    assert {number: view.watermark for number, view in stage.judge.views.items()} == ends_before


OTHERS = {
    "TIMEZONE": "Europe/Berlin",
    "CURRENCY": "EUR",
    "PARTITIONER": "crc32",
    "PARTITIONS": "3",
}
"""Settings that decide state, each with another value than the state was built with."""


async def test_another_setting_than_the_state_was_built_with_is_refused(stage: Stage) -> None:
    for name, value in OTHERS.items():
        await _is_refused(stage, f"LTV_{name}", **{name: value})
    await stage.play([start(), feed(100)])  # set back, it goes on


async def _partitions_added(stage: Stage) -> None:
    await add_partitions(stage.settings, stage.settings.topic_purchases, 5)


async def _emptied(stage: Stage) -> None:
    await recreate_topic(stage.settings, stage.settings.topic_purchases, 4)


async def _refilled(stage: Stage) -> None:
    """Re-created and filled with as many other records."""
    await _emptied(stage)
    await stage.load.feed(4_000)


async def _deleted(stage: Stage) -> None:
    await delete_topic(stage.settings, stage.settings.topic_signups)


@pytest.mark.parametrize(
    ("done", "because"),
    [
        (_partitions_added, "5 partitions"),
        (_emptied, "re-created"),
        (_refilled, "re-created"),
        (_deleted, "missing"),
    ],
)
async def test_a_source_that_is_not_the_one_is_refused(
    stage: Stage, done: Callable[[Stage], Awaitable[None]], because: str
) -> None:
    await done(stage)
    await _is_refused(stage, because)


async def test_a_deleted_changelog_is_refused_while_the_group_remembers(stage: Stage) -> None:
    """Folding everything again would be right only if nobody had published from it."""
    await delete_topic(stage.settings, stage.settings.changelog_topic)
    stage.judge.forget()
    await _is_refused(stage, "was deleted")


async def test_topics_whose_counts_differ_are_refused_before_the_first_event(
    stages: Stages,
) -> None:
    """A customer's purchases and signups would lie in different partitions."""
    async with stages.open() as opened:
        await opened.load.feed(1_000)
        await recreate_topic(opened.settings, opened.settings.topic_activity, 3)
        await _is_refused(opened, "3 partitions")
        assert not any(view.watermark for view in opened.judge.views.values())
