"""The topics as they should be, and what it means when one is not.

A *problem* keeps a worker from starting, because going on would lose or miscount something; a
*warning* is a promise that a topic can't keep (a replay from the beginning, a quick recovery).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from stream_app.settings import Settings

Role = Literal["purchases", "signups", "activity", "models", "dead_letters", "changelog"]
SOURCES: tuple[Role, ...] = ("purchases", "signups", "activity")

FOR_EVER = "-1"
DEAD_LETTER_ROOM = 64 << 10
"""Bytes a dead letter may be larger than its record: our headers."""
CHANGELOG_MESSAGE_BYTES = 8 << 20
CHANGELOG_ROOM = 256 << 10
"""Bytes a changelog batch may be larger than LTV_SLICE_BYTES: its watermark and record headers."""
FIVE_MINUTES_MS = 300_000

_ONE_COUNT = (
    " (LTV_PARTITIONS): the customer topics and the changelog have one count, and another count is"
    " a new build, made by `ltv backfill`"
)

# A worker stamps no record, since its clock may be wrong; the broker does.
STAMPED_BY_BROKER = {"message.timestamp.type": "LogAppendTime"}

# One changelog record a customer and slice: its length is recovery time, so small segments are
# closed and compacted soon; the lag keeps a zombie's record from compacting a rightful one away
# before an idle owner has looked (LTV_IDLE_CHECK is at most a tenth of it).
CHANGELOG_CONFIGS = {
    "cleanup.policy": "compact",
    "segment.ms": str(FIVE_MINUTES_MS),
    "segment.bytes": str(64 << 20),
    "min.cleanable.dirty.ratio": "0.1",
    "min.compaction.lag.ms": str(FIVE_MINUTES_MS),
    "max.message.bytes": str(CHANGELOG_MESSAGE_BYTES),
    **STAMPED_BY_BROKER,
}
KEPT_FOR_EVER = {
    "cleanup.policy": "delete",
    "retention.ms": FOR_EVER,
    "retention.bytes": FOR_EVER,
}


@dataclass(frozen=True)
class Plan:
    """One topic as we would create it."""

    role: Role
    name: str
    partitions: int
    configs: Mapping[str, str]


@dataclass(frozen=True)
class Topic:
    """One topic as the broker has it."""

    name: str
    partitions: int
    configs: Mapping[str, str]


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, in a sentence that says what to do."""

    topic: str
    sentence: str


@dataclass(frozen=True)
class Findings:
    """All that was found; a worker must not start while there are problems."""

    problems: tuple[Finding, ...] = field(default=())
    warnings: tuple[Finding, ...] = field(default=())


_NO_WARNING = {"cleanup.policy", "max.message.bytes", *STAMPED_BY_BROKER}
"""Settings of a topic that are either a problem or nobody's concern."""


def plans(settings: Settings) -> dict[Role, Plan]:
    """Every topic the product uses, as it should be.

    The dead letters' `max.message.bytes` depends on the sources that are there and is filled in
    by `dead_letter_bytes`.
    """
    partitions = settings.partitions
    sources: dict[Role, str] = {
        "purchases": settings.topic_purchases,
        "signups": settings.topic_signups,
        "activity": settings.topic_activity,
    }
    made = {role: Plan(role, name, partitions, KEPT_FOR_EVER) for role, name in sources.items()}
    made["models"] = Plan("models", settings.topic_models, 1, {"cleanup.policy": "compact"})
    made["dead_letters"] = Plan(
        "dead_letters",
        settings.topic_dead_letters,
        partitions,
        KEPT_FOR_EVER | STAMPED_BY_BROKER,
    )
    made["changelog"] = Plan("changelog", settings.changelog_topic, partitions, CHANGELOG_CONFIGS)
    return made


def dead_letter_bytes(topics: Mapping[Role, Topic]) -> int:
    """The least `max.message.bytes` with which any record of the sources fits as a dead letter."""
    sizes = [
        int(topics[role].configs["max.message.bytes"])
        for role in SOURCES
        if role in topics and "max.message.bytes" in topics[role].configs
    ]
    return max(sizes, default=1_048_588) + DEAD_LETTER_ROOM


def judge(settings: Settings, topics: Mapping[Role, Topic]) -> Findings:
    """Compare the topics that are there with the plan."""
    problems: list[Finding] = []
    warnings: list[Finding] = []
    hidden = or_hidden(settings)
    for role, plan in plans(settings).items():
        if role not in topics:
            words = f"Topic {plan.name!r} is missing; `ltv topics` creates it.{hidden}"
            problems.append(Finding(plan.name, words))
            continue
        topic = topics[role]
        problems += (Finding(topic.name, words) for words in _problems(settings, plan, topic))
        warnings += (Finding(topic.name, words) for words in _warnings(plan, topic))
    if "dead_letters" in topics:
        problems += _too_small_for_letters(topics)
    return Findings(tuple(problems), tuple(warnings))


def or_hidden(settings: Settings) -> str:
    """What else a missing topic may mean: Kafka shows a user only what it may describe.

    >>> or_hidden(Settings())
    ''
    """
    if settings.kafka_security == "PLAINTEXT":
        return ""
    return " Or this user has no right to see it: deploy/acl/kafka.csv lists what each part needs."


def _problems(settings: Settings, plan: Plan, topic: Topic) -> Iterator[str]:
    if plan.role != "dead_letters" and topic.partitions != plan.partitions:
        yield (
            f"Topic {topic.name!r} has {topic.partitions} partitions and should have"
            f" {plan.partitions}{_ONE_COUNT if plan.role != 'models' else ''}."
        )
    policy = topic.configs.get("cleanup.policy", "")
    if plan.role == "changelog":
        yield from _changelog_problems(settings, topic, policy)
    elif plan.role in SOURCES and "compact" in policy:
        yield (
            f"Topic {topic.name!r} is compacted, so Kafka forgets all but a customer's last event;"
            " set cleanup.policy=delete with retention.ms=-1."
        )


def _changelog_problems(settings: Settings, topic: Topic, policy: str) -> Iterator[str]:
    if policy != "compact":
        yield (
            f"The changelog {topic.name!r} has cleanup.policy={policy}, so Kafka would delete"
            " customers who have been quiet; set cleanup.policy=compact."
        )
    needed = settings.slice_bytes + CHANGELOG_ROOM
    allowed = int(topic.configs.get("max.message.bytes", needed))
    if allowed < needed:
        yield (
            f"The changelog {topic.name!r} has max.message.bytes={allowed}"
            f" and needs {needed} for slices of LTV_SLICE_BYTES={settings.slice_bytes}; raise it to"
            f" {CHANGELOG_MESSAGE_BYTES}."
        )


def _too_small_for_letters(topics: Mapping[Role, Topic]) -> Iterator[Finding]:
    letters, needed = topics["dead_letters"], dead_letter_bytes(topics)
    if int(letters.configs.get("max.message.bytes", needed)) < needed:
        yield Finding(
            letters.name,
            f"Topic {letters.name!r} has max.message.bytes={letters.configs['max.message.bytes']};"
            f" a refused record of the sources may need {needed}. Raise it.",
        )


def _warnings(plan: Plan, topic: Topic) -> Iterator[str]:
    for name, wanted in plan.configs.items():
        found = topic.configs.get(name, wanted)
        if found == wanted or name in _NO_WARNING:
            continue
        if name.startswith("retention."):
            yield (
                f"Topic {topic.name!r} has {name}={found}: its records go, and with them the"
                " possibility to replay and verify; set it to -1."
            )
        elif float(found) != float(wanted):
            yield f"The changelog {topic.name!r} has {name}={found}; {wanted} is what we tested."
