"""The demo's worker, seen from outside: its process, its readiness, its metrics."""

from __future__ import annotations

import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import orjson

from stream_app.dev.child import Child
from stream_app.errors import Fault

READY_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.03
_SAMPLE = re.compile(r"^(\w+)(\{[^}]*\})? (\S+)$", re.MULTILINE)


class WorkerProcess:
    """A worker as a child process, with settings of its own and none of ours."""

    def __init__(self, settings: Mapping[str, str], log: Path) -> None:
        self._url = f"http://127.0.0.1:{settings['LTV_HTTP_PORT']}"
        self._child = Child("The worker", command(settings, "worker"), log)

    def wait_ready(self) -> None:
        """Return once it has its partitions; Fault with the end of its log when it does not."""
        self._child.wait_until(self._has_partitions, READY_SECONDS)

    def wait_applied(self, topic: str, count: int, timeout_seconds: float) -> None:
        """Return once it has folded so many records of a topic."""
        labels = f'{{outcome="applied",topic="{topic}"}}'
        name = "ltv_events_total" + labels
        self._child.wait_until(lambda: self.metrics().get(name, 0) >= count, timeout_seconds)

    def check(self) -> None:
        """Fault, with the end of its log, when it has ended."""
        if not self._child.alive():
            raise Fault(f"The worker has ended. {self._child.last_words()}")

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self._child.stop()

    def metrics(self) -> dict[str, float]:
        """Every sample by name and labels, labels in alphabetical order."""
        found = _SAMPLE.findall(self._get("/metrics"))
        return {name + _sorted(labels): float(value) for name, labels, value in found}

    def _has_partitions(self) -> bool:
        answer = self._get("/readyz")
        return bool(answer) and bool(orjson.loads(answer).get("partitions"))

    def _get(self, path: str) -> str:
        """The answer's text; empty while nobody answers, or the answer is no."""
        time.sleep(_POLL_SECONDS)
        try:
            with urllib.request.urlopen(self._url + path, timeout=5) as answer:
                text: str = answer.read().decode()
                return text
        except (urllib.error.URLError, OSError):
            return ""


def answers(port: int) -> bool:
    """Whether a server of ours says that it is alive."""
    time.sleep(_POLL_SECONDS)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def command(settings: Mapping[str, str], *arguments: str) -> list[str]:
    """`ltv` with exactly these settings: those in our environment do not reach it."""
    ours = [part for name in os.environ if name.startswith("LTV_") for part in ("-u", name)]
    theirs = [f"{name}={value}" for name, value in settings.items()]
    return ["env", *ours, *theirs, sys.executable, "-m", "stream_app", *arguments]


def _sorted(labels: str) -> str:
    """
    >>> _sorted('{topic="a",outcome="b"}'), _sorted("")
    ('{outcome="b",topic="a"}', '')
    """
    return f"{{{','.join(sorted(labels[1:-1].split(',')))}}}" if labels else ""
