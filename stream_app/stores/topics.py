"""The topics on the broker: look at them, create those that are missing, judge them.

aiokafka's admin client is marked experimental, so only this file and groups.py use it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError, for_code

from stream_app.errors import ConfigurationError, Fault
from stream_app.settings import Settings
from stream_app.stores.kafka import client_options
from stream_app.stores.kafka_trouble import RIGHTS, why_unreachable
from stream_app.stores.topic_plan import (
    Finding,
    Findings,
    Plan,
    Role,
    Topic,
    dead_letter_bytes,
    judge,
    plans,
)

ALREADY_EXISTS = 36
NO_AUTHORIZATION = (29, 31)
SETTLE_SECONDS = 15.0
"""How long new topics may take until every partition has a leader."""


@dataclass(frozen=True)
class TopicReport:
    """What is there now, what we created, and what is not as it should be."""

    topics: Mapping[Role, Topic]
    created: tuple[str, ...]
    findings: Findings

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What a worker must not start with."""
        return self.findings.problems

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What it can start with, but somebody should know."""
        return self.findings.warnings


async def ensure_topics(
    settings: Settings, create: bool, roles: Collection[Role] | None = None
) -> TopicReport:
    """Look at every topic of the product; create what is missing among `roles` (None: all).

    Existing topics are never changed. Raises Unreachable when no broker answers, and
    ConfigurationError when the broker refuses to create a topic.
    """
    async with admin_client(settings) as admin:
        there = await _look(admin, settings)
        created: list[str] = []
        if create:
            wanted = plans(settings)
            # Sources first: the dead letters' size follows from theirs.
            for letters in (False, True):
                missing = [
                    plan
                    for role, plan in wanted.items()
                    if (role == "dead_letters") is letters
                    and role not in there
                    and role in (roles or wanted)
                ]
                created += await _create(admin, settings, missing, there)
                there = await _look_until_led(admin, settings, missing) if missing else there
        return TopicReport(there, tuple(created), judge(settings, there))


async def look(settings: Settings) -> Mapping[Role, Topic]:
    """The product's topics that are there; Unreachable when no broker answers."""
    async with admin_client(settings) as admin:
        return await _look(admin, settings)


@asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client, closed at the end."""
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
    except KafkaConnectionError as error:
        await admin.close()
        raise await why_unreachable(settings, client_options(settings)) from error
    try:
        yield admin
    finally:
        await admin.close()


async def _look(admin: AIOKafkaAdminClient, settings: Settings) -> dict[Role, Topic]:
    """The product's topics that are there and have a leader for every partition."""
    # Asking for all topics, because asking for one by name may create it.
    by_name = {one["topic"]: one for one in await admin.describe_topics()}
    roles = {plan.name: role for role, plan in plans(settings).items() if plan.name in by_name}
    led = [name for name in roles if _is_led(by_name[name])]
    configs = await _configs(admin, led) if led else {}
    return {
        roles[name]: Topic(name, len(by_name[name]["partitions"]), configs[name]) for name in led
    }


def _is_led(described: Mapping[str, Any]) -> bool:
    partitions = described["partitions"]
    return bool(partitions) and all(one["leader"] >= 0 for one in partitions)


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(asked):
        for code, message, _kind, name, entries in answer.resources:
            if code:
                raise _refusal(f"read the settings of topic {name!r}", code, message)
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


async def _create(
    admin: AIOKafkaAdminClient,
    settings: Settings,
    missing: list[Plan],
    there: Mapping[Role, Topic],
) -> list[str]:
    """Create topics; return the names of those that nobody else created meanwhile."""
    if not missing:
        return []
    answer = await admin.create_topics([_new_topic(plan, settings, there) for plan in missing])
    created = []
    for name, code, message in answer.topic_errors:
        if code == 0:
            created.append(name)
        elif code != ALREADY_EXISTS:
            raise _refusal(f"create topic {name!r}", code, message)
    return created


def _new_topic(plan: Plan, settings: Settings, there: Mapping[Role, Topic]) -> NewTopic:
    configs = dict(plan.configs)
    if plan.role == "dead_letters":
        configs["max.message.bytes"] = str(dead_letter_bytes(there))
    # aiokafka takes -1 (the broker's default) only beside an assignment; an empty one is none.
    assignments: dict[int, list[int]] | None = {} if settings.replication == -1 else None
    return NewTopic(plan.name, plan.partitions, settings.replication, assignments, configs)


async def _look_until_led(
    admin: AIOKafkaAdminClient, settings: Settings, created: list[Plan]
) -> dict[Role, Topic]:
    """Look again until the topics just created have leaders everywhere."""
    deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
    while True:
        there = await _look(admin, settings)
        waiting = [plan.name for plan in created if plan.role not in there]
        if not waiting:
            return there
        if asyncio.get_running_loop().time() > deadline:
            raise Fault(
                f"Topic {waiting[0]!r} was created, but after {SETTLE_SECONDS:g} s not every"
                " partition has a leader; look at the brokers' logs."
            )
        await asyncio.sleep(0.05)


def _refusal(what: str, code: int, message: str | None) -> Exception:
    error: type[KafkaError] = for_code(code)
    why = message or error.__doc__ or error.__name__
    if code in NO_AUTHORIZATION:
        own = "create it yourself or " if what.startswith("create") else ""
        why = f"{why.strip().rstrip('.')}; {own}give this user the right to ({RIGHTS})"
    return ConfigurationError(f"The broker refused to {what}: {why.strip().rstrip('.')}.")
