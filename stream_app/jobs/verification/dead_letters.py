"""Refusals of the recount against the records in the dead-letter topic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from aiokafka import TopicPartition

from stream_app.jobs.recount.facts import RefusedRecord
from stream_app.jobs.verification.findings import Findings, Letters
from stream_app.stores.log_reader import LogReader
from stream_app.wire import dead_letter

Place = tuple[str, int, int]
"""Topic, partition and offset of a refused record."""


async def read_letters(log: LogReader, topic: str, partitions: int) -> dict[Place, set[str]]:
    """Every letter there is: the place of its record, and the reasons given (once or more)."""
    places = [TopicPartition(topic, number) for number in range(partitions)]
    starts, ends = await log.starts(places), await log.ends(places)
    found: dict[Place, set[str]] = {}
    async for _, records, _ in log.read(starts, ends):
        for record in records:
            _note(record, found)
    return found


def _note(record: Any, found: dict[Place, set[str]]) -> None:
    texts = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    try:
        number, offset = int(texts[dead_letter.PARTITION]), int(texts[dead_letter.OFFSET])
        place = texts[dead_letter.TOPIC], number, offset
    except (KeyError, ValueError):
        return  # somebody else's record: not a letter of ours
    found.setdefault(place, set()).add(texts.get(dead_letter.REASON, ""))


def compare_letters(
    refused: Iterable[RefusedRecord],
    found: Mapping[Place, set[str]],
    cut: Mapping[int, Mapping[str, int]],
    findings: Findings,
    begin: Mapping[int, Mapping[str, int]] = MappingProxyType({}),
) -> None:
    """Each refusal has its letter, and below the cut no letter lacks its refusal.

    `begin` has the offsets from which a state that began with a history was streamed: letters of
    older records are another build's.
    """
    letters = findings.dead_letters = Letters()
    expected = {(one.topic, one.partition, one.offset): one.reason for one in refused}
    letters.refused = len(expected)
    for place, reason in expected.items():
        reasons = found.get(place)
        if reasons is None:
            letters.missing += 1
            findings.differs("dead letters", _words(place), f"{reason}: has no letter")
        elif reason not in reasons:
            letters.different += 1
            given = ", ".join(sorted(reasons))
            findings.differs("dead letters", _words(place), f"says {given}, recounted {reason}")
        else:
            letters.found += 1
    for place in found.keys() - expected.keys():
        topic, number, offset = place
        if begin.get(number, {}).get(topic, 0) <= offset < cut.get(number, {}).get(topic, 0):
            letters.extra += 1
            findings.differs("dead letters", _words(place), "has a letter, but is acceptable")


def _words(place: Place) -> str:
    topic, number, offset = place
    return f"{topic}-{number}@{offset}"
