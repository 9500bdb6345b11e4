"""Workers under a supervisor: whoever ends by a fault is started again, as in production."""

from __future__ import annotations

import asyncio
import re
import signal
from collections import Counter
from typing import Any

from tests.rig.stage import Stage
from tests.rig.waiting import eventually
from tests.rig.worker import Worker

POLL_SECONDS = 0.1
RESTARTED = frozenset({1, -signal.SIGKILL})
"""Exit codes after which a supervisor starts a worker again; any other says: look at me."""
STOP_SECONDS = 30.0
"""How long a worker that is asked to stop may take at the very worst, its servers away."""
_FRAMES = re.compile(r'stream_app/(\S+\.py)", (line \d+)')
_NAMES = re.compile(
    r"(?<=127\.0\.0\.1:)\d+|(?<='127\.0\.0\.1', )\d+|\bt[0-9a-f]{8}\b|(?<=offset )\d+"
)
_STRIKES = re.compile(r"^failpoint (\w+) strikes$", re.MULTILINE)


class Crew:
    """Who should be running, and sees to it that they are."""

    def __init__(self, stage: Stage, pause_seconds: float = 0.0) -> None:
        """`pause_seconds` pass before an ended worker is started again."""
        self._stage = stage
        self._pause_seconds = pause_seconds
        self._members: set[str] = set()
        self.exits: Counter[int] = Counter()
        """How workers ended that nobody had asked to, by exit code."""
        self.thawing = False
        """Wake whoever sleeps from now on."""

    @property
    def members(self) -> list[Worker]:
        """The newest process of everybody who should be running."""
        return [self._stage.workers[name] for name in sorted(self._members)]

    def join(self, name: str, **settings: str) -> None:
        """Start a worker, and again whenever it ends by a fault; then without ``settings``."""
        self._stage.launch(name, **settings)
        self._members.add(name)

    def dismiss(self, name: str) -> Worker:
        """Nobody starts this one again; it is left as it is."""
        self._members.discard(name)
        return self._stage.workers[name]

    async def stop(self, name: str) -> None:
        """Ask a worker to stop and see it gone in time, in order or by a fault."""
        worker = self.dismiss(name)
        worker.signal(signal.SIGTERM)

        def ended() -> bool:
            worker.signal(signal.SIGCONT)  # a failpoint may have frozen it, or still do so
            return worker.exit_code is not None

        await eventually(
            ended, lambda: f"{name} stops when asked. {worker.last_words}", STOP_SECONDS
        )
        code = worker.exit_code
        early = -signal.SIGTERM  # before Python had come to the worker's own answer to it
        assert code in {0, early, *RESTARTED}, f"{name} ended with {code}. {worker.last_words}"

    async def watch(self) -> None:
        """Supervise until cancelled; AssertionError when a worker ends as none should."""
        while True:
            for name in sorted(self._members):
                await self._look_after(name)
            await asyncio.sleep(POLL_SECONDS)

    async def _look_after(self, name: str) -> None:
        worker = self._stage.workers[name]
        if worker.exit_code is None:
            if self.thawing:
                worker.signal(signal.SIGCONT)
            return
        code = worker.exit_code
        assert code in RESTARTED, f"{name} ended with {code}. {worker.last_words}"
        self.exits[code] += 1
        await asyncio.sleep(self._pause_seconds)
        if name in self._members and self._stage.workers[name] is worker:
            self._stage.launch(name)


def faults(stage: Stage) -> Counter[str]:
    """What workers said of their own ends; of an exception, its last line and where in our code."""
    return Counter(
        _said(line)
        for worker in [*stage.workers.values(), *stage.ended]
        for line in worker.lines()
        if line.get("exit_code") is not None
    )


def _said(line: dict[str, Any]) -> str:
    """Without what differs from stage to stage: ports and the names of topics."""
    traceback = str(line.get("exception", "")).strip()
    said = str(line["event"])
    if traceback:
        *_, ours = "nowhere of ours", *map(" ".join, _FRAMES.findall(traceback))
        said = f"{traceback.splitlines()[-1]} ({ours})"
    return _NAMES.sub("*", said)


def failpoints_struck(stage: Stage) -> Counter[str]:
    """How often each failpoint struck."""
    everybody = [*stage.workers.values(), *stage.ended]
    return Counter(name for worker in everybody for name in _STRIKES.findall(worker.text))
