"""The changelog topic and the group of a build that is being made: who works there, begin anew."""

from __future__ import annotations

import asyncio
from typing import Final

from aiokafka.errors import KafkaError, for_code

from stream_app.errors import ConfigurationError, Unreachable
from stream_app.settings import Settings
from stream_app.stores.topics import admin_client

NO_SUCH_TOPIC: Final = 3
NO_SUCH_GROUP: Final = 69
PATIENCE_SECONDS: Final = 15.0
"""How long a topic may take to be gone, and a group to have a coordinator."""


async def group_members(settings: Settings) -> int:
    """How many workers are in the build's group now."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    async with admin_client(settings) as admin:
        while True:
            try:
                (answer,) = await admin.describe_consumer_groups([settings.group])
                code, members = answer.groups[0][0], answer.groups[0][5]
                if code in (0, NO_SUCH_GROUP):
                    return len(members)
                error: KafkaError = for_code(code)()
            except KafkaError as found:
                error = found
            # Asked for the first time, a cluster has to find a coordinator for its groups.
            if asyncio.get_running_loop().time() > deadline:
                raise Unreachable(f"Who is in group {settings.group!r} is not told: {error!r}.")
            await asyncio.sleep(0.1)


async def delete_changelog(settings: Settings) -> None:
    """Delete the build's changelog; return when the broker no longer lists it."""
    name = settings.changelog_topic
    async with admin_client(settings) as admin:
        answer = await admin.delete_topics([name])
        for _, code in answer.topic_error_codes:
            if code not in (0, NO_SUCH_TOPIC):
                raise ConfigurationError(
                    f"The broker refused to delete topic {name!r} (error {code}); delete it"
                    " yourself or give LTV_KAFKA_USER the right to."
                )
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while name in await admin.list_topics():
            if asyncio.get_running_loop().time() > deadline:
                raise Unreachable(
                    f"Topic {name!r} is still there {PATIENCE_SECONDS:g} s after it was deleted."
                )
            await asyncio.sleep(0.05)
