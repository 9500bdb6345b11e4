"""`ltv dlq list` and `ltv dlq replay`: look at refused records, and send them again.

Both read the dead letters from the beginning to the end captured at the start, so a replay whose
records are refused again does not chase its own tail. A replayed record carries `ltv-replay-of`,
the letter's own place; when it is refused again, the new letter keeps that header and takes the
old one's place, so that replaying twice doesn't double the letters.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import click
import orjson
from aiokafka import TopicPartition

from stream_app.errors import ConfigurationError, UsageError
from stream_app.jobs.progress import Progress
from stream_app.jobs.send.outbox import Outbox
from stream_app.settings import Settings
from stream_app.stores.log_reader import LogReader
from stream_app.wire import dead_letter

REPLAY_OF = "ltv-replay-of"
SHOWN_BYTES = 200
FLUSH_EVERY = 500


class Place(NamedTuple):
    """Where a refused record lies in its source."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True)
class Letter:
    """One dead letter: the refused record, where it came from, and why it was refused."""

    source: Place
    timestamp_ms: int
    reason: str
    detail: str
    replay_of: str | None
    key: bytes | None
    value: bytes | None
    own_headers: tuple[tuple[str, bytes | None], ...]
    written_ms: int


def run_list(settings: Settings, *, reason: str | None, limit: int, as_json: bool) -> int:
    """Print the letters, oldest first, and how many there are of each reason."""
    letters = asyncio.run(read_letters(settings, reason))
    counts = Counter(letter.reason for letter in letters)
    shown = letters[-limit:] if limit else letters
    if as_json:
        answer = {
            "total": len(letters),
            "reasons": dict(counts),
            "letters": [as_object(letter) for letter in shown],
        }
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
        return 0
    for letter in shown:
        click.echo(f"{letter.source}  {letter.reason}: {letter.detail}")
        click.echo(f"    key {_short(letter.key)}  value {_short(letter.value)}")
    if len(shown) < len(letters):
        click.echo(f"The newest {len(shown):,} of {len(letters):,}; --limit 0 shows all.", err=True)
    for name, count in counts.most_common():
        click.echo(f"{count:>9,}  {name}", err=True)
    click.echo(f"{len(letters):>9,}  dead letters", err=True)
    return 0


def run_replay(
    settings: Settings, *, reason: str | None, dry_run: bool, yes: bool, as_json: bool
) -> int:
    """Send the letters again, after asking; print how many."""
    letters = asyncio.run(read_letters(settings, reason))
    known = [letter for letter in letters if letter.source.topic in settings.source_topics]
    if not dry_run and not yes and known:
        _ask(len(known))
    sent = 0 if dry_run else asyncio.run(replay(settings, known))
    answer: dict[str, Any] = {
        "letters": len(letters),
        "not_ours": len(letters) - len(known),
        "sent": sent,
        "dry_run": dry_run,
        "reasons": dict(Counter(letter.reason for letter in known)),
    }
    if as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
    else:
        words = f"{len(known):,} would be sent again" if dry_run else f"{sent:,} sent again"
        click.echo(f"{len(letters):,} dead letters, {words}.")
    if len(known) < len(letters):
        click.echo(
            f"{len(letters) - len(known):,} came from topics that are not among LTV_TOPIC_*"
            " and were left alone.",
            err=True,
        )
    return 0


async def read_letters(settings: Settings, reason: str | None = None) -> list[Letter]:
    """Every letter that counts, oldest first: a record once, and not one that was replayed and
    refused again since (its newer letter stands for it)."""
    by_source: dict[Place, Letter] = {}
    async for record in _records(settings):
        letter = parse(record)
        if letter is not None:
            by_source[letter.source] = letter  # a crash may have repeated a letter
    replaced = {letter.replay_of for letter in by_source.values()}
    letters = [letter for place, letter in by_source.items() if str(place) not in replaced]
    letters.sort(key=lambda letter: (letter.written_ms, letter.source))
    return [letter for letter in letters if reason in (None, letter.reason)]


async def replay(settings: Settings, letters: list[Letter]) -> int:
    """Send letters to the topics they came from; return how many were acknowledged."""
    if not letters:
        return 0
    async with Outbox(settings) as outbox:
        counts = await outbox.partition_counts(sorted({one.source.topic for one in letters}))
        with Progress("replaying", "letters", len(letters)) as progress:
            for number, letter in enumerate(letters, start=1):
                partition = _partition(outbox, counts, letter)
                await outbox.add(
                    letter.source.topic, partition, letter.key, letter.value, _headers(letter)
                )
                if number % FLUSH_EVERY == 0:
                    await outbox.flush()
                progress.advance()
            await outbox.settle()
        return outbox.acknowledged


async def _records(settings: Settings) -> AsyncIterator[Any]:
    reader = LogReader(settings)
    await reader.start()
    try:
        topic = settings.topic_dead_letters
        numbers = await _partitions_of(settings, topic)
        partitions = [TopicPartition(topic, number) for number in numbers]
        starts, ends = await reader.starts(partitions), await reader.ends(partitions)
        async for _, records, _ in reader.read(starts, ends):
            for record in records:
                yield record
    finally:
        await reader.stop()


async def _partitions_of(settings: Settings, topic: str) -> range:
    from stream_app.stores.topics import look

    there = await look(settings)
    if "dead_letters" not in there:
        raise ConfigurationError(f"Topic {topic!r} is missing; `ltv topics` creates it.")
    return range(there["dead_letters"].partitions)


def parse(record: Any) -> Letter | None:
    """A record of the dead letter topic as a letter; None for one that is not ours."""
    ours = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    try:
        source = Place(
            ours[dead_letter.TOPIC], int(ours[dead_letter.PARTITION]), int(ours[dead_letter.OFFSET])
        )
        timestamp_ms = int(ours[dead_letter.TIMESTAMP])
    except (KeyError, ValueError):
        return None
    return Letter(
        source=source,
        timestamp_ms=timestamp_ms,
        reason=ours.get(dead_letter.REASON, ""),
        detail=ours.get(dead_letter.DETAIL, ""),
        replay_of=ours.get(REPLAY_OF),
        key=record.key,
        value=record.value,
        own_headers=tuple(
            (name, value) for name, value in record.headers if name not in dead_letter.OURS
        ),
        written_ms=record.timestamp,
    )


def as_object(letter: Letter) -> dict[str, Any]:
    """A letter for scripts; bytes that are not UTF-8 are shown escaped."""
    return {
        "topic": letter.source.topic,
        "partition": letter.source.partition,
        "offset": letter.source.offset,
        "timestamp_ms": letter.timestamp_ms,
        "reason": letter.reason,
        "detail": letter.detail,
        "replay_of": letter.replay_of,
        "key": _text(letter.key),
        "value": _text(letter.value),
        "headers": {name: _text(value) for name, value in letter.own_headers},
    }


def _partition(outbox: Outbox, counts: Mapping[str, int], letter: Letter) -> int:
    """Where the partitioner puts the key; without a key, where the record lay."""
    if letter.key is None:
        return letter.source.partition % counts[letter.source.topic]
    return outbox.partition_of(letter.source.topic, letter.key)


def _headers(letter: Letter) -> list[tuple[str, bytes | None]]:
    """The record's own headers, the time it is judged by, and whose replay it is."""
    own = [(name, value) for name, value in letter.own_headers if name != REPLAY_OF]
    headers = [*own, (REPLAY_OF, str(letter.source).encode())]
    if letter.timestamp_ms >= 0:
        headers.append((dead_letter.TIMESTAMP, b"%d" % letter.timestamp_ms))
    return headers


def _ask(count: int) -> None:
    import sys

    if not sys.stdin.isatty():
        raise UsageError(f"{count:,} dead letters would be sent again; say --yes to do it.")
    click.confirm(f"Send {count:,} dead letters again?", abort=True, err=True)


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode("utf-8", "backslashreplace")


def _short(raw: bytes | None) -> str:
    if raw is None:
        return "none"
    cut = raw[:SHOWN_BYTES]
    shown = ascii(cut.decode("utf-8", "backslashreplace"))
    return shown + (f" … {len(raw):,} bytes" if len(raw) > SHOWN_BYTES else "")
