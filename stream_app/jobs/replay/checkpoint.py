"""How far a replay was when it stopped: a directory that the same command goes on from.

    replay.json            what is replayed: the span and the settings that decide states
    partition-3.state      its watermark and its customers as they were at some moment

A state is written beside, forced to disk and then renamed, and ends with its digest, so one that is
there is whole. What was folded after the last one is folded again, which changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import orjson
from aiokafka import TopicPartition

from stream_app import failpoints
from stream_app.core.customer import Customer
from stream_app.errors import ConfigurationError, UsageError
from stream_app.jobs.replay.span import Span
from stream_app.jobs.replay.target import Target
from stream_app.settings import Settings
from stream_app.wire.beginning import nothing_yet
from stream_app.wire.changelog import Watermark, decode_watermark, encode_watermark

FILE: Final = "replay.json"
VERSION: Final = 1
_DIGEST: Final = 32
_Stored = tuple[int, bytes, dict[str, int], list[bytes], list[bytes]]


class Folded(msgspec.Struct):
    """One partition as far as it is folded."""

    watermark: Watermark
    customers: dict[bytes, Customer]
    refused: dict[str, int]
    """Refused records by reason."""


def open_checkpoint(directory: Path, settings: Settings, span: Span, target: Target) -> Span:
    """Begin a checkpoint, or take up the one that is there: the span to replay.

    UsageError where the directory has the checkpoint of another replay.
    """
    what = _described(settings, target)
    asked = what | _as_json(span)
    file = directory / FILE
    try:
        directory.mkdir(parents=True, exist_ok=True)
        found = orjson.loads(file.read_bytes()) if file.exists() else None
        if found is None:
            _write(file, orjson.dumps(asked, option=orjson.OPT_INDENT_2))
            return span
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"--checkpoint {directory}: {error}") from error
    try:
        for name, value in what.items():
            if found[name] != value:
                raise _other(directory, name, found[name], value)
        resumed = _resumed(directory, found, span)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{file} is damaged ({error!r}): remove --checkpoint {directory} to begin anew"
        ) from error
    if resumed.ends != span.ends:
        click.echo(
            f"Going on with the replay of {directory}, to where the log ended when it was begun;"
            " another directory reads to where it ends now.",
            err=True,
        )
    return resumed


def has_states(directory: Path) -> bool:
    """Whether anything folded is kept."""
    return any(directory.glob("*.state"))


def _described(settings: Settings, target: Target) -> dict[str, Any]:
    """What a state depends on beside the span; `tzdata` and the version of states among it."""
    nothing = msgspec.structs.asdict(nothing_yet(settings))
    kept = {name: value for name, value in nothing.items() if isinstance(value, (int, str))}
    return {
        "version": VERSION,
        "into": target.name,
        "topics": list(settings.source_topics),
        **kept,
    }


def _as_json(span: Span) -> dict[str, Any]:
    def offsets(of: Mapping[Any, int]) -> list[list[Any]]:
        return [[place.topic, place.partition, at] for place, at in sorted(of.items())]

    return {"starts": offsets(span.starts), "ends": offsets(span.ends)}


def _resumed(directory: Path, found: dict[str, Any], asked: Span) -> Span:
    """The span of the first try; what was asked for now must begin where it did."""
    span = _span(found)
    if span.starts != asked.starts or any(
        asked.ends.get(place, -1) < end for place, end in span.ends.items()
    ):
        raise UsageError(
            f"--checkpoint {directory} is of a replay with another --from or --to; name another"
            " directory, or remove this one to begin anew."
        )
    return span


def _span(found: dict[str, Any]) -> Span:
    def offsets(name: str) -> dict[TopicPartition, int]:
        return {TopicPartition(topic, number): at for topic, number, at in found[name]}

    return Span(offsets("starts"), offsets("ends"))


def _other(directory: Path, name: str, theirs: Any, ours: Any) -> UsageError:
    return UsageError(
        f"--checkpoint {directory} is of another replay ({name} was {theirs!r}, now it is"
        f" {ours!r}); name another directory, or remove this one to begin anew."
    )


def save(directory: Path, number: int, folded: Folded) -> None:
    """Keep one partition as it is now."""
    stored: _Stored = (
        VERSION,
        encode_watermark(folded.watermark),
        folded.refused,
        list(folded.customers),
        [customer.facts for customer in folded.customers.values()],
    )
    body = msgspec.msgpack.encode(stored)
    _write(_file(directory, number), body + sha256(body).digest())
    failpoints.hit("replay_checkpoint")


def load(directory: Path, number: int) -> Folded | None:
    """One partition as it was kept; None where it was not, or the file is damaged."""
    try:
        value = _file(directory, number).read_bytes()
    except FileNotFoundError:
        return None
    body, digest = value[:-_DIGEST], value[-_DIGEST:]
    if sha256(body).digest() != digest:
        return None
    _, watermark, refused, keys, facts = msgspec.msgpack.decode(body, type=_Stored)
    customers = {key: Customer(one) for key, one in zip(keys, facts, strict=True)}
    return Folded(decode_watermark(watermark), customers, refused)


def _file(directory: Path, number: int) -> Path:
    return directory / f"partition-{number}.state"


def _write(file: Path, value: bytes) -> None:
    beside = file.with_suffix(".new")
    with beside.open("wb") as out:
        out.write(value)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
