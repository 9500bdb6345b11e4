"""A failpoint strikes once, where and when it was told to, and proves it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream_app import failpoints
from stream_app.errors import ConfigurationError

SOURCES = Path(failpoints.__file__).parent
SCRIPT = """
import sys
import time
from stream_app import failpoints
failpoints.arm(sys.argv[1])
for number in range(4):
    failpoints.hit("before_append")
    failpoints.hit("after_fold")
    print("passed", number, flush=True)
"""


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm("")


def run(armed: str) -> subprocess.CompletedProcess[str]:
    """A program that passes two failpoints four times."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, armed], capture_output=True, text=True, timeout=20
    )


@pytest.mark.parametrize(
    ("armed", "passed"), [("after_fold", 0), ("after_fold:1:kill", 0), ("after_fold:3", 2)]
)
def test_a_failpoint_kills_at_its_hit_and_says_so(armed: str, passed: int) -> None:
    ended = run(armed)
    assert ended.returncode == -signal.SIGKILL
    assert ended.stderr == "failpoint after_fold strikes\n"
    assert len(ended.stdout.splitlines()) == passed


@pytest.mark.parametrize("armed", ["", "after_fold:5", "in_revoke"])
def test_what_is_not_armed_or_not_reached_does_nothing(armed: str) -> None:
    ended = run(armed)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_failpoint_can_stop_the_process_and_then_never_strikes_again() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "after_fold:2:stop"], stdout=subprocess.PIPE, text=True
    ) as child:
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        child.send_signal(signal.SIGCONT)
        out, _ = child.communicate(timeout=20)
    assert child.returncode == 0
    assert len(out.splitlines()) == 4


def test_a_failpoint_can_block_its_thread_for_a_while_and_then_goes_on() -> None:
    began = time.monotonic()
    ended = run("after_fold:2:block")
    assert time.monotonic() - began >= failpoints.BLOCK_SECONDS
    assert (ended.returncode, ended.stderr) == (0, "failpoint after_fold strikes\n")
    assert len(ended.stdout.splitlines()) == 4


@pytest.mark.parametrize(
    "text", ["nowhere", "after_fold:x", "after_fold:1:hang", "after_fold:-1", ":1", "after_fold:²"]
)
def test_what_can_not_be_armed_is_refused_with_the_names(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"LTV_FAILPOINT=.* names: after_fold, "):
        failpoints.arm(text)


def test_every_name_is_passed_somewhere_and_no_other() -> None:
    """A fault test that arms a point nobody passes would wait for ever."""
    passed = {
        name
        for path in SOURCES.rglob("*.py")
        for name in re.findall(r'failpoints\.hit\("(\w+)"\)', path.read_text())
    }
    assert passed == set(failpoints.NAMES)
