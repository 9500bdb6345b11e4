"""A worker as a child process: started, asked over HTTP, and treated badly by its pid."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from stream_app.dev.child import Child
from tests.rig.waiting import PATIENCE_SECONDS, eventually

_SAMPLE = re.compile(r"^([a-z_:]+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class _Process(Child):
    """A child whose exit code is of interest."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs; below zero: the signal that ended it."""
        return None if self.alive() else self._process.returncode


class Worker:
    """One worker; a new one with the same settings is a restart.

    ``settings`` are variables without their prefix, as ``{"PARTITIONS": "4"}``.
    """

    def __init__(self, name: str, settings: Mapping[str, str], log: Path) -> None:
        """Start the process, after nothing but the interpreter: `wait_ready` waits."""
        self.name = name
        self.log = log
        self.began = time.monotonic()
        self.was_killed = False
        """Whether the test has killed it."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("LTV_")}
        chosen = {f"LTV_{key}": value for key, value in settings.items()}
        environ = {
            **inherited,
            "LTV_HTTP_PORT": "0",
            "LTV_LOG_FORMAT": "json",
            "PYTHONUNBUFFERED": "1",
            **chosen,
        }
        variables = [f"{key}={value}" for key, value in environ.items()]
        python = [sys.executable, "-m", "stream_app.cli", "worker"]
        self._process = _Process(name, ["/usr/bin/env", "-i", *variables, *python], log)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; -9 after a kill."""
        return self._process.exit_code

    # -- what it says --------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """All it has said."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def lines(self) -> list[dict[str, Any]]:
        """Its log, line by line; what is not JSON (a failpoint, a traceback) as ``event``."""
        found = []
        for line in self.text.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                found.append({"event": line})
        return found

    def said(self, words: str) -> bool:
        """Whether some line contains ``words``."""
        return words in self.text

    @property
    def last_words(self) -> str:
        """The end of its log, for a failing test."""
        return self._process.last_words()

    @property
    def url(self) -> str | None:
        """Where it answers HTTP; None before it says so."""
        for line in self.lines():
            if line.get("event") == "worker starts":
                return str(line["http"])
        return None

    async def wait_ready(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Return once /readyz says that all assigned partitions are recovered."""
        await eventually(self.is_ready, lambda: f"{self.name} ready. {self.last_words}", seconds)

    async def is_ready(self) -> bool:
        """Whether it is ready now; a worker that ended is an error."""
        if self.exit_code is not None:
            raise AssertionError(f"{self.name} ended with {self.exit_code}. {self.last_words}")
        return await self.answers_ready()

    async def answers_ready(self) -> bool:
        """Whether it is there and ready."""
        answer = await self._get("/readyz")
        return answer is not None and answer[0] == 200

    async def owns(self) -> list[int]:
        """The partitions it holds, recovered; none while it does not answer."""
        answer = await self._get("/readyz")
        return [] if answer is None else list(json.loads(answer[1]).get("partitions", []))

    async def metrics(self) -> dict[tuple[str, ...], float]:
        """Every sample of /metrics by (name, label value, ...), labels by their names' order."""
        answer = await self._get("/metrics")
        if answer is None:
            raise AssertionError(f"{self.name} shows no metrics. {self.last_words}")
        return {
            (name, *(value for _, value in sorted(_LABEL.findall(labels)))): float(number)
            for name, labels, number in _SAMPLE.findall(answer[1])
        }

    async def total(self, name: str) -> float:
        """The sum of one metric's samples; 0 while it does not answer."""
        if await self._get("/livez") is None:
            return 0.0
        found = await self.metrics()
        return sum(value for key, value in found.items() if key[0] == name)

    async def _get(self, path: str) -> tuple[int, str] | None:
        """Status and body; None where nobody answers."""
        if (url := self.url) is None:
            return None
        limit = aiohttp.ClientTimeout(total=5.0)
        try:
            async with (
                aiohttp.ClientSession(url, timeout=limit) as session,
                session.get(path) as answer,
            ):
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return None

    # -- what is done to it --------------------------------------------------------------------

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; harmless when it is gone."""
        if self._process.alive():
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and proof that it struck: it must have been running."""
        if not self._process.alive():
            raise AssertionError(f"{self.name} was dead before the kill. {self.last_words}")
        self.was_killed = True
        self._process.kill()

    def end(self) -> None:
        """Leave nothing behind, in whatever state it is."""
        self._process.kill()

    async def exited(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Its exit code, once it has one."""
        what = f"{self.name} ends by itself"
        await eventually(
            lambda: self.exit_code is not None, lambda: f"{what}. {self.last_words}", seconds
        )
        assert self.exit_code is not None
        return self.exit_code

    async def stopped_itself(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Return once a failpoint has frozen it."""
        stat = Path(f"/proc/{self.pid}/stat")
        await eventually(
            lambda: stat.read_text().rpartition(") ")[2][0] in "Tt",
            lambda: f"{self.name} freezes. {self.last_words}",
            seconds,
        )

    def struck(self, failpoint: str) -> bool:
        """Whether a failpoint said that it strikes."""
        return self.said(f"failpoint {failpoint} strikes")
