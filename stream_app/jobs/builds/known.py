"""Which builds of this application there are: those that have a changelog."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from stream_app.errors import NotFound
from stream_app.settings import Settings
from stream_app.stores.topics import admin_client


@dataclass(frozen=True)
class Build:
    """One build: settings that name its topic and group, and how many partitions it has."""

    settings: Settings
    partitions: int

    @property
    def number(self) -> int:
        """Its number."""
        return self.settings.build

    @property
    def topic(self) -> str:
        """Its changelog."""
        return self.settings.changelog_topic


async def topic_counts(settings: Settings) -> dict[str, int]:
    """How many partitions each topic of the cluster has, by name."""
    async with admin_client(settings) as admin:
        # All of them, because asking for one by name may create it.
        return {one["topic"]: len(one["partitions"]) for one in await admin.describe_topics()}


def builds_among(settings: Settings, counts: Mapping[str, int]) -> dict[int, Build]:
    """The builds of this application, in order, by the names of topics.

    >>> from stream_app.settings import load
    >>> names = ("ltv-v12-customers-changelog", "ltv-customers-changelog", "ltv-v1-customers-x")
    >>> list(builds_among(load({}), dict.fromkeys(names, 8)))
    [1, 12]
    """
    pattern = re.compile(re.escape(settings.app_id) + r"(?:-v([1-9][0-9]*))?-customers-changelog")
    found: dict[int, Build] = {}
    for topic, partitions in counts.items():
        match = pattern.fullmatch(topic)
        if match is None:
            continue
        build = Build(replace(settings, build=int(match[1] or 1)), partitions)
        if build.topic == topic:  # build 1 is not spelt out
            found[build.number] = build
    return dict(sorted(found.items()))


def the_build(builds: Mapping[int, Build], number: int) -> Build:
    """The build of a number; NotFound, naming those there are."""
    if number not in builds:
        raise NotFound(f"There is no build {number}; there {_are(builds)} (by their changelogs).")
    return builds[number]


def _are(numbers: Iterable[int]) -> str:
    texts = [str(number) for number in numbers]
    if not texts:
        return "is none"
    return f"{'is' if len(texts) == 1 else 'are'} {' and '.join(texts)}"
