"""From where `ltv` is called: in processes of their own, and nothing they say may hold a secret."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.rig.worker import Worker

SECONDS = 60.0
"""How long a command may take on a machine that does other things besides."""


@dataclass(frozen=True)
class Said:
    """What became of a command."""

    code: int
    out: str
    err: str


class Desk:
    """Runs commands and workers; ``secrets`` are looked for in all that they say."""

    def __init__(self, directory: Path, secrets: Iterable[str]) -> None:
        self.directory = directory
        self._secrets = tuple(secrets)
        self.workers: list[Worker] = []

    async def ltv(self, settings: Mapping[str, str], *words: str) -> Said:
        """One command, until it ends."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "stream_app",
            *words,
            env=environ(settings),
            cwd=self.directory,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(SECONDS):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        said = Said(process.returncode, out.decode(), err.decode())
        self.discreet(said.out + said.err)
        return said

    def worker(self, settings: Mapping[str, str]) -> Worker:
        """A worker, begun."""
        log = self.directory / f"worker-{len(self.workers)}.log"
        self.workers.append(Worker(log.stem, settings, log))
        return self.workers[-1]

    def discreet(self, text: str) -> None:
        """AssertionError where a secret stands in ``text``."""
        assert not [secret for secret in self._secrets if secret in text], text

    def close(self) -> None:
        """End what runs, and look through all it has said."""
        for worker in self.workers:
            worker.end()
            self.discreet(worker.text)


def environ(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment with these settings and no others; names without their prefix."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LTV_")}
    return inherited | {f"LTV_{name}": value for name, value in settings.items()}
