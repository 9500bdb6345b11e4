"""`ltv fit --every`: when it runs again, what it says of a failure, and how it is ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise

import pytest
from aiokafka.errors import RequestTimedOutError
from click.testing import CliRunner

from stream_app.cli import ltv
from stream_app.errors import ConfigurationError, NotFound, Unreachable
from stream_app.jobs.fit_every import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Schedule,
    repeat,
)

HOUR = 3600.0


class Clock:
    """A clock that only work and sleep move, and what was slept."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Runs:
    """Work that ends as it is told to, one ending after another, and then asks to stop."""

    def __init__(self, clock: Clock, *endings: BaseException | None, seconds: float = 0.0) -> None:
        self.clock, self.endings, self.seconds = clock, list(endings), seconds
        self.began: list[float] = []
        self.told: list[str] = []

    def once(self) -> None:
        if not self.endings:
            raise KeyboardInterrupt
        self.began.append(self.clock.now)
        self.clock.now += self.seconds
        ending = self.endings.pop(0)
        if ending is not None:
            raise ending

    def failed(self, why: str, pause_seconds: float) -> None:
        self.told.append(why)

    def repeat(self, every_seconds: float) -> int:
        return repeat(
            self.once, every_seconds, self.failed, clock=lambda: self.clock.now,
            sleep=self.clock.sleep,
        )  # fmt: skip


def test_the_first_run_is_at_once_and_the_others_a_period_apart() -> None:
    runs = Runs(Clock(), None, None, None, seconds=100.0)
    assert runs.repeat(HOUR) == 0
    assert runs.began == [0.0, HOUR, 2 * HOUR]
    assert runs.told == []


def test_a_run_that_takes_longer_than_the_period_is_followed_at_once() -> None:
    runs = Runs(Clock(), None, None, None, seconds=1.5 * HOUR)
    runs.repeat(HOUR)
    assert runs.began == [0.0, 1.5 * HOUR, 3 * HOUR]


def test_a_failure_is_tried_again_after_a_pause_that_grows_to_five_minutes() -> None:
    clock = Clock()
    runs = Runs(clock, *[Unreachable("No broker answers at x.")] * 10, None, None)
    runs.repeat(24 * HOUR)
    assert clock.slept[:3] == [FIRST_PAUSE_SECONDS, 10.0, 20.0]
    assert all(after in (2 * before, 300.0) for before, after in pairwise(clock.slept[:10]))
    assert clock.slept[9] == LONGEST_PAUSE_SECONDS == 300.0
    assert runs.told[0] == "No broker answers at x"
    assert runs.began[-1] == 24 * HOUR  # the period is kept


def test_the_pause_after_a_failure_begins_small_again_after_a_success() -> None:
    clock = Clock()
    fault = Unreachable("No broker.")
    Runs(clock, fault, fault, None, fault, None).repeat(HOUR)
    assert clock.slept == [5.0, 10.0, HOUR - 15.0, 5.0, HOUR - 5.0]


def test_a_pause_is_never_longer_than_what_is_left_of_the_period() -> None:
    clock = Clock()
    Runs(clock, *[NotFound("There is no state yet.")] * 5).repeat(12.0)
    assert clock.slept == [5.0, 7.0, 12.0, 12.0, 12.0]
    assert Schedule(60.0, due=0.0).wait(58.0, failed=True) == 2.0


def test_what_kafka_fails_with_in_the_middle_is_one_line_and_tried_again() -> None:
    runs = Runs(Clock(), RequestTimedOutError(), ConnectionResetError(104, "reset"), None)
    runs.repeat(HOUR)
    assert [line.partition(":")[0] for line in runs.told] == [
        "Kafka failed in the middle of the work"
    ] * 2
    assert len(runs.began) == 3


def test_a_wrong_configuration_ends_it() -> None:
    runs = Runs(Clock(), ConfigurationError("There is no topic 'x'."), None)
    with pytest.raises(ConfigurationError):
        runs.repeat(HOUR)
    assert len(runs.began) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_the_middle_of_a_computation(number: signal.Signals) -> None:
    def computing() -> None:
        signal.raise_signal(number)
        pytest.fail("the computation went on")

    before = signal.getsignal(number)
    assert repeat(computing, HOUR, lambda why, pause: None) == 0
    assert signal.getsignal(number) is before


def test_a_signal_that_a_finaliser_swallowed_ends_it_after_the_run() -> None:
    def swallowing() -> None:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)

    def sleeping(seconds: float) -> None:
        pytest.fail("it waits for the next run")

    assert repeat(swallowing, HOUR, lambda why, pause: None, sleep=sleeping) == 0


class Silent:
    """A server that takes connections, listens, and never says a word."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self._server.settimeout(20)
        self.address = f"127.0.0.1:{server.getsockname()[1]}"

    def wait_for_a_word(self) -> None:
        """Return once somebody has connected and asked something."""
        self._asker, _ = self._server.accept()
        self._asker.settimeout(20)
        assert self._asker.recv(1)

    def close(self) -> None:
        self._asker.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = Silent(server)
        yield silent
        silent.close()


@contextmanager
def running(environ: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`ltv fit`, gone at the end whatever happens."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("LTV_")}
    with subprocess.Popen(
        [sys.executable, "-m", "stream_app", "fit", *arguments],
        env=inherited | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_broker_that_is_away_is_one_line_and_a_stop_is_exit_code_0() -> None:
    with running({"LTV_BROKERS": "127.0.0.1:1"}, "--every", "1h", "--json") as process:
        assert process.stderr is not None
        assert process.stdout is not None
        line = process.stderr.readline()
        assert line == (
            "ltv: No Kafka broker answers at 127.0.0.1:1 (LTV_BROKERS); trying again in 5 s\n"
        )
        told = json.loads(process.stdout.readline())
        assert (told["published"], told["model"]) == (False, None)
        assert told["reason"].startswith("No Kafka broker answers")
        process.send_signal(signal.SIGTERM)
        rest, said = process.communicate(timeout=20)
    assert (process.returncode, rest, said) == (0, "", "")


def test_a_stop_while_a_broker_keeps_us_waiting_is_prompt(silent: Silent) -> None:
    with running({"LTV_BROKERS": silent.address}, "--every", "1h") as process:
        silent.wait_for_a_word()
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=20)
    assert (process.returncode, out, said) == (0, "", "")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("given", ["7", "d", "0d", "-1d", "1.5h", "7 d", "1w", "400d", "soon", ""])
def test_a_time_that_makes_no_sense_is_refused_in_one_sentence(given: str) -> None:
    done = CliRunner().invoke(ltv, ["fit", "--every", given])
    assert done.exit_code == 2
    sentence = done.output.strip().rpartition("Error: ")[2]
    assert sentence.startswith("Invalid value for '--every': ")
    assert "such as 30m, 12h or 7d" in " ".join(sentence.split())
