"""How long the state stood still though records were waiting: what a shop would feel of a fault."""

from __future__ import annotations

import asyncio
import time

from aiokafka.errors import KafkaError

from stream_app.errors import LtvError
from tests.rig.judge import Judge
from tests.rig.stage import Stage

POLL_SECONDS = 0.25


class Meter:
    """Follows the changelog by a reader of its own until it is cancelled."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._judge = Judge(stage.settings, stage.ledger)
        self.longest_seconds = 0.0
        """The longest time without a record folded while the log held one that was not."""

    async def watch(self) -> None:
        """Measure until cancelled."""
        folded, moved = -1, time.monotonic()
        await self._judge.start()
        try:
            while True:
                found = await self._folded(folded)
                now = time.monotonic()
                if found > folded or found >= len(self._stage.ledger.records):
                    moved = now
                folded = max(folded, found)
                self.longest_seconds = max(self.longest_seconds, now - moved)
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await self._judge.stop()

    async def _folded(self, before: int) -> int:
        try:
            await self._judge.look()
        except (KafkaError, LtvError, OSError):
            return before  # the broker is away: nobody can tell
        return self._judge.folded
