"""deploy/runbook-procedures.md is walked from its first line to its last, on a real Kafka and a
real Valkey; systemd, journalctl and redis-cli are played by the programs of tests/docs/bin."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import pytest

from stream_app.dev.kafka import Kafka
from stream_app.dev.ports import free_port
from stream_app.dev.valkey import Valkey, find_server
from tests.docs.page import ROOT, Block, blocks
from tests.docs.story import program_path, story

PAGE = ROOT / "deploy" / "runbook-procedures.md"
PLAYED = Path(__file__).parents[1] / "docs" / "bin"
DEAD_SECONDS = 20.0


def page_with(ports: dict[str, int]) -> str:
    """The page, with free ports in the place of those that are written in it."""
    text = PAGE.read_text(encoding="utf-8")
    for written, port in ports.items():
        assert written in text
        text = text.replace(written, str(port))
    return text


def test_every_block_of_the_procedures_says_how_it_is_run() -> None:
    for block in blocks(PAGE.read_text(encoding="utf-8")):
        assert block.how in ("stack", "locked") or block.language == "text", f"line {block.line}"


@pytest.mark.stack
@pytest.mark.timeout(900)
def test_the_procedures_can_be_walked_as_they_are_written(tmp_path: Path) -> None:
    text = page_with({"8081": free_port(), "8082": free_port()})
    valkey = Valkey(tmp_path / "valkey", persistent=True)
    with Kafka(tmp_path / "kafka") as kafka, units(tmp_path):
        valkey.start()
        valkey.stop()  # it has written its configuration: from here on `systemctl` runs it
        environ = clean() | {
            "LTV_BROKERS": kafka.bootstrap,
            "LTV_REDIS_URL": valkey.url,
            "REDISCLI_URL": valkey.url,
        }
        with story(environ, tmp_path, PAGE.name) as play:
            play(Block("run: stack", "sh", "systemctl start valkey", 0), "")
            for block, after in pairwise([*blocks(text), Block("", "", "", 0)]):
                if block.how == "stack":
                    began = time.monotonic()
                    play(block, after.text if after.mark == "shows" else "")
                    print(f"{time.monotonic() - began:6.1f} s  line {block.line}")
                    become(environ, tmp_path / "ltv.env")


def clean() -> dict[str, str]:
    """The environment without settings of ours, and with the programs that are played."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LTV_")}
    return kept | {
        "PATH": f"{PLAYED}{os.pathsep}{program_path()}",
        "VALKEY_SERVER": str(find_server()),
    }


def become(environ: dict[str, str], file: Path) -> None:
    """Take the variables that ``file`` has now, and no others of ours."""
    for name in [name for name in environ if name.startswith("LTV_")]:
        del environ[name]
    pairs = (line.partition("=") for line in file.read_text().splitlines())
    environ.update({name: value for name, _, value in pairs})


@contextmanager
def units(directory: Path) -> Iterator[None]:
    """Whatever `systemctl` has started ends with this, by its process id."""
    try:
        yield
    finally:
        for file in directory.glob("*.pid"):
            if not file.with_suffix(".exit").exists():
                with suppress(ProcessLookupError):
                    os.kill(int(file.read_text()), signal.SIGKILL)
        deadline = time.monotonic() + DEAD_SECONDS
        for file in directory.glob("*.pid"):
            while not file.with_suffix(".exit").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
