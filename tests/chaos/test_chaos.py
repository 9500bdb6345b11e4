"""A short round is clean; a run that is broken off leaves nothing behind but its table."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.chaos.draw import draw_round
from tests.chaos.play import play
from tests.rig.waiting import eventually

pytestmark = [pytest.mark.timeout(300), pytest.mark.stack]


async def test_a_short_round_of_random_faults_loses_and_doubles_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "aiokafka")  # of what is done to its broker
    round = draw_round(7, 1, seconds=5.0)
    played = await play(round, tmp_path / "round")
    assert not played.failure, f"{round}\n{played.failure}"
    assert played.verdict.records > 0


def test_a_run_that_is_broken_off_shows_its_table_and_leaves_no_process(
    tmp_path: Path,
) -> None:
    chaos = subprocess.Popen(
        [*(sys.executable, "-m", "tests.chaos"), *("--seed", "7", "--logs", str(tmp_path))],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        process = psutil.Process(chaos.pid)
        asyncio.run(
            eventually(lambda: len(process.children(recursive=True)) > 2, "a round runs", 120.0)
        )
        # Each child has a session of its own, which is why Ctrl-C does not reach them.
        children = process.children(recursive=True)
        assert len(children) > 2
        chaos.send_signal(signal.SIGINT)
        said, _ = chaos.communicate(timeout=120)
    finally:
        chaos.kill()
    assert chaos.returncode == 130
    assert "interrupted" in said
    assert not [one for one in children if one.is_running() and one.status() != "zombie"]
