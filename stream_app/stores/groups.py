"""Consumer groups, and what else of a build an operator removes: looked at, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
    for_code,
)
from aiokafka.protocol.admin import DeleteGroupsRequest

from stream_app.errors import ConfigurationError, Unreachable

NO_SUCH_GROUP: Final = 69
NOT_EMPTY: Final = 68
NO_SUCH_TOPIC: Final = 3
PATIENCE_SECONDS: Final = 15.0
"""How long a coordinator may take to be elected, and a topic to be gone."""
_LATER: Final = (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)


@dataclass(frozen=True)
class Group:
    """A consumer group as its coordinator sees it."""

    state: str
    """Stable, PreparingRebalance, CompletingRebalance, Empty, or Dead: it does not exist."""
    members: int

    @property
    def alive(self) -> bool:
        """Whether somebody works in it."""
        return self.members > 0


async def describe_group(admin: AIOKafkaAdminClient, name: str) -> Group:
    """A group's state; Dead where there is none."""
    # One a request: aiokafka reads the answer for several by an older layout than it asks for.

    async def ask() -> Any:
        (answer,) = await admin.describe_consumer_groups([name])
        _raise_if_later(answer.groups[0][0])
        return answer.groups[0]

    code, _, state, _, _, members = (await _patiently(ask))[:6]
    if code == NO_SUCH_GROUP:
        return Group("Dead", 0)
    if code:
        raise ConfigurationError(f"The broker refused to describe group {name!r}: {_why(code)}.")
    return Group(state, len(members))


async def delete_group(admin: AIOKafkaAdminClient, name: str) -> bool:
    """Make the broker forget a group and its offsets; False where it has members.

    A group that is not there is as good as deleted.
    """

    async def ask() -> int:
        # aiokafka has the request, and no method that sends it.
        answer = await admin._send_request(
            DeleteGroupsRequest([name]), await admin.find_coordinator(name)
        )
        ((_, code),) = answer.results
        _raise_if_later(code)
        return int(code)

    code: int = await _patiently(ask)
    if code not in (0, NO_SUCH_GROUP, NOT_EMPTY):
        raise ConfigurationError(f"The broker refused to delete group {name!r}: {_why(code)}.")
    return code != NOT_EMPTY


async def delete_topic(admin: AIOKafkaAdminClient, name: str) -> None:
    """Delete a topic and return when the broker no longer lists it."""
    answer = await admin.delete_topics([name])
    for _, code in answer.topic_error_codes:
        if code not in (0, NO_SUCH_TOPIC):
            raise ConfigurationError(f"The broker refused to delete topic {name!r}: {_why(code)}.")
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while name in await admin.list_topics():
        if asyncio.get_running_loop().time() > deadline:
            raise Unreachable(f"Topic {name!r} is still there {PATIENCE_SECONDS:g} s after.")
        await asyncio.sleep(0.05)


def _raise_if_later(code: int) -> None:
    if code and issubclass(for_code(code), _LATER):
        raise for_code(code)


async def _patiently(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Ask again while the group has no coordinator: a cluster's first group has to wait for one."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while True:
        try:
            return await ask()
        except _LATER as error:
            if asyncio.get_running_loop().time() > deadline:
                raise Unreachable(f"No broker coordinates the group: {error!r}.") from error
        except KafkaError as error:
            raise Unreachable(f"The broker did not answer about the group: {error!r}.") from error
        await asyncio.sleep(0.2)


def _why(code: int) -> str:
    error: type[KafkaError] = for_code(code)
    told: str = getattr(error, "description", error.__name__)
    return told.rstrip(".")
