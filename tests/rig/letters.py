"""The dead letters: exactly those that must be there, their records untouched; repeats allowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiokafka import TopicPartition

from stream_app.stores.log_reader import LogReader
from tests.core.naive_decoder import RawRecord
from tests.rig.verdict import Verdict

Origin = tuple[str, int, int]
"""Topic, partition and offset of a refused record."""


async def read_letters(log: LogReader, topic: str, partitions: int) -> dict[Origin, list[Any]]:
    """Every record of the topic, by the place that it says it came from."""
    places = [TopicPartition(topic, number) for number in range(partitions)]
    starts, ends = await log.starts(places), await log.ends(places)
    found: dict[Origin, list[Any]] = {}
    async for _, records, _ in log.read(starts, ends):
        for record in records:
            said = dict(record.headers)
            number, offset = int(said["ltv-partition"]), int(said["ltv-offset"])
            found.setdefault((said["ltv-topic"].decode(), number, offset), []).append(record)
    return found


def judge_letters(
    verdict: Verdict,
    found: Mapping[Origin, list[Any]],
    expected: Mapping[Origin, tuple[RawRecord, str]],
) -> None:
    """Compare with the refused records and their reasons."""
    for where in sorted(found.keys() - expected.keys()):
        verdict.differs(f"dead letter of {where}: its record is good")
    for where, (raw, reason) in expected.items():
        if where not in found:
            verdict.differs(f"dead letter of {where} is missing: {reason}")
        for letter in found.get(where, ()):
            for words in _differs(letter, raw, reason):
                verdict.differs(f"dead letter of {where}: {words}")


def _differs(letter: Any, raw: RawRecord, reason: str) -> Iterator[str]:
    said = dict(letter.headers)
    if said["ltv-reason"] != reason.encode():
        yield f"says {said['ltv-reason']!r}, expected {reason}"
    if (letter.key, letter.value) != (raw.key, raw.value):
        yield "its key or value was touched"
    if tuple(letter.headers[: len(raw.headers)]) != tuple(raw.headers):
        yield "its own headers were touched"
    if int(said["ltv-timestamp"]) != raw.timestamp_ms:
        yield f"says it was made at {said['ltv-timestamp']!r}"
    detail = said["ltv-detail"].decode()
    if not detail or "\n" in detail:
        yield f"its detail is not one line: {detail!r}"
