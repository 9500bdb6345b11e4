"""The demo as a newcomer runs it: a process, its exit code, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from stream_app.jobs.validate import as_object, short_comparison
from stream_app.settings import load
from tests.core.models.test_validation import CUT, END, graded

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]


def start(place: Path, *arguments: str) -> subprocess.Popen[str]:
    """`ltv demo`, with its files in `place` and no setting of ours."""
    command = [sys.executable, "-m", "stream_app", "demo", "--dir", str(place), *arguments]
    surroundings = {name: v for name, v in os.environ.items() if not name.startswith("LTV_")}
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=surroundings | {"LTV_CURRENCY": "KRW"},  # what is around the demo must not matter
    )


def left_running(place: Path) -> list[str]:
    """Command lines that name the demo's directory, once its processes had time to go."""
    deadline = time.monotonic() + 10
    while (found := _naming(str(place))) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _naming(text: str) -> list[str]:
    lines = (" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"]))
    return [line for line in lines if text in line]


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What one whole run says; it ended well and left nothing."""
    place = tmp_path_factory.mktemp("demo")
    with start(place, "--json") as demo:
        output, said = demo.communicate()
    assert demo.returncode == 0, said
    assert left_running(place) == []
    return json.loads(output)


def test_the_demo_shows_the_revenue_of_the_sample_and_is_verified(answer: Any) -> None:
    assert (answer["revenue_minor"], answer["customers"]) == (24_409_194, 2_357)
    assert answer["purchases"] == 6_919
    assert answer["verify"]["equal"]
    assert answer["verify"]["redis"]["equal"] == 2_357
    assert len(answer["best"]) == 10
    assert {one["model"] for one in answer["best"]} == {answer["model"]}
    assert {one["tier"] for one in answer["at_risk"]} == {"at_risk"}


def test_the_demo_fits_on_the_calibration_days_and_validates_on_the_others(answer: Any) -> None:
    fit, validation = answer["fit"], answer["validation"]
    assert (fit["published"], fit["as_of_day"]) == (True, "1997-09-30")
    assert fit["model"]["id"] == answer["model"]
    published = {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}
    assert {name: fit["model"][name] for name in published} == pytest.approx(published, abs=5e-4)
    assert fit["model"]["lineage"]["buyers"] == 2_357
    assert (validation["cut"], validation["end"]) == ("1997-09-30", "1998-06-30")
    assert validation["actual"]["purchases"] == 1_882
    assert validation["models"]["mbg"]["purchases"] == pytest.approx(1576.73, abs=0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_in_the_middle_leaves_nothing_running(tmp_path: Path, number: int) -> None:
    with start(tmp_path) as demo:
        assert demo.stderr is not None
        for line in demo.stderr:
            if "Starting the worker" in line:
                break
        demo.send_signal(number)
        demo.communicate()
    assert demo.returncode == 130
    assert left_running(tmp_path) == []


def test_kept_running_it_shows_live_purchases_until_ctrl_c(tmp_path: Path) -> None:
    with start(tmp_path, "--keep") as demo:
        assert demo.stdout is not None
        shown: list[str] = []
        for line in demo.stdout:
            shown.append(" ".join(line.split()))
            if "later LTV is" in line:
                break
        demo.send_signal(signal.SIGINT)
        _, said = demo.communicate()
    assert demo.returncode == 0, said
    for row in short_comparison(as_object(load({}), CUT, END, graded(), None)):
        assert " ".join(" ".join(row).split()) in shown  # as the README has it, from the same rows
    assert any(line.startswith("ltv models; ") for line in shown)
    assert any(line.startswith("curl http") and line.endswith("/metrics") for line in shown)
    assert left_running(tmp_path) == []
