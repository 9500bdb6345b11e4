"""Where the model of a score came from, as the models topic tells it: for people, and tolerant.

Redis has a model's numbers; what it was fitted to stands in its record of the topic. That may be
gone, or never have been there, and says what it likes: a lineage is for people. What is missing is
left out, and where there is nothing the reason is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from aiokafka.errors import KafkaError

from stream_app.core.models.parameters import LATEST, ModelParameters
from stream_app.errors import LtvError
from stream_app.jobs.models_topic import StoredModel, read_models
from stream_app.settings import Settings

Lineage = Mapping[str, Any]


@dataclass(frozen=True)
class Origin:
    """Of one model; exactly one of the two is there."""

    lineage: Lineage | None
    why_not: str | None


async def read_origin(settings: Settings, parameters: ModelParameters) -> Origin:
    """Look the model up in the topic; never fails, since scores are explained without it as well.

    `parameters` are the numbers that Redis has under the model's id.
    """
    topic = settings.topic_models
    try:
        models = {stored.id: stored for stored in await read_models(settings)}
    except (LtvError, KafkaError, OSError) as error:
        return Origin(None, f"the topic {topic!r} can't be read: {error}")
    stored = models.get(parameters.id)
    if stored is None:
        return Origin(
            None,
            f"the topic {topic!r} has no record of it: it was given by LTV_MODEL_FILE, withdrawn,"
            " or compacted away",
        )
    return _of_record(stored, parameters)


def _of_record(stored: StoredModel, parameters: ModelParameters) -> Origin:
    if stored.parameters is None:
        return Origin(None, f"its record can't be used here: {stored.problem}")
    if replace(stored.parameters, lineage={}) != replace(parameters, lineage={}):
        return Origin(None, "its record in the topic has other numbers than Redis")
    return Origin(stored.parameters.lineage, None)


def origin_lines(origin: Origin, fitted_at: int | None) -> list[str]:
    """The same as lines of text."""
    if origin.lineage is None:
        return [f"where it came from is not known: {origin.why_not}"]
    lineage = origin.lineage
    lines = [_fitted(lineage, fitted_at), _customers(lineage), _state(lineage), _fit(lineage)]
    return [line for line in (*lines, *_warnings(lineage), *_others(lineage)) if line]


def _fitted(lineage: Lineage, fitted_at: int | None) -> str:
    words = [] if fitted_at is None else [f"fitted {_instant(fitted_at)}"]
    as_of = lineage.get("as_of")
    if type(as_of) is int and 0 <= as_of <= LATEST:
        words.append(f"as of {_instant(lineage['as_of'])}")
    if isinstance(lineage.get("source"), str):
        words.append(f"{'by ' if words else ''}{lineage['source']}")
    return ", ".join(words)


def _customers(lineage: Lineage) -> str:
    meanings = {"customers": "customers", "buyers": "who bought", "repeat_buyers": "who came back"}
    counts = (
        f"{lineage[name]:,} {words}"
        for name, words in meanings.items()
        if isinstance(lineage.get(name), int)
    )
    told = ", ".join(counts)
    return f"from {told}" if told else ""


def _state(lineage: Lineage) -> str:
    """How far the state had read when the model was fitted to it."""
    if not isinstance(lineage.get("state"), str):
        return ""
    offsets = lineage.get("offsets")
    read = [
        f"{topic} to {', '.join(f'{number}/{offset}' for number, offset in sorted(each.items()))}"
        for topic, each in sorted(offsets.items() if isinstance(offsets, dict) else ())
        if isinstance(each, dict)
    ]
    return f"state of {lineage['state']}" + (f", {'; '.join(read)}" if read else "")


def _fit(lineage: Lineage) -> str:
    words = []
    if isinstance(found := lineage.get("log_likelihoods"), dict):
        each = (f"{name} {value:,.4f}" for name, value in found.items() if _number(value))
        words.append(f"log-likelihood {', '.join(each)}")
    if _number(lineage.get("net_ratio")):
        words.append(f"net of gross {lineage['net_ratio']:.4f}")
    if isinstance(found := lineage.get("correlation"), dict):
        named = (f"{name} {found[name]:+.4f}" for name in ("pearson", "spearman"))
        if all(_number(found.get(name)) for name in ("pearson", "spearman")):
            words.append(f"frequency and spend {', '.join(named)}")
    return "; ".join(words)


def _warnings(lineage: Lineage) -> Iterator[str]:
    found = lineage.get("correlation")
    warning = found.get("warning") if isinstance(found, dict) else None
    yield from (text for text in (warning, lineage.get("spend")) if isinstance(text, str))


def _others(lineage: Lineage) -> Iterator[str]:
    """What a model that others wrote says of itself."""
    told = {"source", "state", "spend"}
    for name, value in lineage.items():
        if isinstance(value, str) and name not in told:
            yield f"{name}: {value}"


def _number(value: object) -> bool:
    return isinstance(value, int | float)


def _instant(seconds: int) -> str:
    """
    >>> _instant(875_577_600)
    '1997-09-30 00:00Z'
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%MZ")
