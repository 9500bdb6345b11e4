"""One connection to Redis for a command about builds; trouble becomes one sentence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stream_app.jobs.verification.redis_side import unreachable
from stream_app.settings import Settings
from stream_app.stores.address import address
from stream_app.stores.publication import PublicationStore
from stream_app.stores.redis import TROUBLE, Link


@asynccontextmanager
async def publication_store(settings: Settings) -> AsyncIterator[PublicationStore]:
    """The publication of the settings' key prefix; Unreachable where Redis is in trouble."""
    try:
        link = await Link.open(address(settings.redis_url))
        try:
            yield PublicationStore(link, settings.key_prefix)
        finally:
            await link.close()
            await asyncio.sleep(0)  # the loop closes a connection in its next turn
    except TROUBLE as error:
        raise unreachable(settings, error) from error
