"""A page's blocks as one story: played in their order, until what the page shows comes out."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.docs.page import Block

PATIENCE_SECONDS = 60.0

Play = Callable[[Block, str], None]
"""Plays a block; the second is what it must show."""


def program_path() -> str:
    """PATH with this environment's programs first."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@contextmanager
def story(environ: Mapping[str, str], directory: Path, page: str) -> Iterator[Play]:
    """Gives the function that plays a block; ends what runs beside it, politely."""
    beside: list[subprocess.Popen[bytes]] = []

    def play(block: Block, expected: str) -> None:
        if block.how == "beside":
            with (directory / "beside.log").open("wb") as log:
                beside.append(_begin(block.text, environ, directory, log))
        elif block.how in ("stack", "redis", "locked"):
            _run_until_it_shows(block, expected, environ, directory, page)

    try:
        yield play
        for process in beside:
            os.killpg(process.pid, signal.SIGTERM)
            assert process.wait(15) in (0, -signal.SIGTERM)
    finally:
        for process in beside:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _begin(
    text: str, environ: Mapping[str, str], directory: Path, log: Any
) -> subprocess.Popen[bytes]:
    words = ["bash", "-euc", text]
    return subprocess.Popen(
        words, cwd=directory, env=environ, stdout=log, stderr=log, start_new_session=True
    )


def _run_until_it_shows(
    block: Block, expected: str, environ: Mapping[str, str], directory: Path, page: str
) -> None:
    """What was sent takes a moment to come out: run until it does, or time is up."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        said, code = _run(block, environ, directory)
        lines = [" ".join(line.split()) for line in said.splitlines()]
        wanted = [" ".join(line.split()) for line in expected.splitlines()]
        missing = [line for line in wanted if not any(line in one for one in lines)]
        if code == 0 and not missing:
            return
        if not expected or time.monotonic() > deadline:
            log = directory / "beside.log"
            beside = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            pytest.fail(f"{page} line {block.line}: exit {code}, no {missing} in\n{said}\n{beside}")
        time.sleep(0.2)


def _run(block: Block, environ: Mapping[str, str], directory: Path) -> tuple[str, int]:
    if block.how == "redis":
        return _as_redis_cli(block.text, environ["LTV_REDIS_URL"]), 0
    python = block.language == "python"
    words = [sys.executable, "-c"] if python else ["bash", "-euc"]
    done = subprocess.run(
        [*words, block.text],
        cwd=directory,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    return done.stdout + (done.stderr if done.returncode else ""), done.returncode


def _as_redis_cli(text: str, url: str) -> str:
    """What redis-cli would print for a command that answers a list of texts."""
    (program, *command) = shlex.split(text)
    assert program == "redis-cli"
    with redis.Redis.from_url(url, decode_responses=True) as client:
        answer: Any = client.execute_command(*command)
    shown = ("(nil)" if value is None else f'"{value}"' for value in answer)
    return "\n".join(f"{number}) {value}" for number, value in enumerate(shown, 1))
