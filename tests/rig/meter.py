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
        self._lines = (stage.directory / "folded.txt").open("w", buffering=1)

    async def watch(self) -> None:
        """Measure until cancelled."""
        began = looked = moved = time.monotonic()
        folded = -1
        await self._judge.start()
        try:
            while True:
                found = await self._folded()
                now, sent = time.monotonic(), len(self._stage.ledger.records)
                self._lines.write(f"{now - began:7.2f} s  {found} of {sent}\n")
                if found is None:
                    moved += now - looked  # nobody can tell, so it does not count
                elif found > folded or found >= sent:
                    folded, moved = found, now
                looked = now
                self.longest_seconds = max(self.longest_seconds, now - moved)
                await asyncio.sleep(POLL_SECONDS)
        finally:
            self._lines.close()
            await self._judge.stop()

    async def _folded(self) -> int | None:
        """None while the broker is away."""
        try:
            await self._judge.look()
        except (KafkaError, LtvError, OSError):
            return None
        return self._judge.folded
