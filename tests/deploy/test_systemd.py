"""The systemd unit: what systemd says of it, and whether it fits the program."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from stream_app.errors import ConfigurationError, Fault
from stream_app.worker.life import STOP_SECONDS
from tests.deploy.facts import VARIABLES, understands
from tests.deploy.tooling import DEPLOY, ROOT, answer, tool

UNIT = DEPLOY / "systemd" / "ltv-worker@.service"
INSTALLED = "/opt/ltv/bin/ltv"


def value(name: str) -> str:
    """The one value of a directive."""
    (found,) = re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)
    return str(found)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit for the program of this tree, which is not where it will be installed."""
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace(INSTALLED, str(ROOT / ".venv" / "bin" / "ltv")))
    return path


def test_systemd_has_nothing_to_complain_about(unit: Path) -> None:
    analyze = tool("systemd-analyze", package="systemd")
    said = answer(analyze, "verify", "--man=no", str(unit).replace("@.", "@8081."))
    assert str(unit.parent) not in said
    assert "ltv" not in said


def test_systemd_calls_it_well_confined(unit: Path) -> None:
    analyze = tool("systemd-analyze", package="systemd")
    answer(analyze, "security", "--offline=yes", "--threshold=20", "--no-pager", unit)


def test_the_command_is_one_of_ours_and_its_port_is_the_instance() -> None:
    program, *words = shlex.split(value("ExecStart").replace("%i", "8081"))
    assert program == INSTALLED
    understands(words)
    assert "%i" in value("ExecStart"), (
        "an option, since EnvironmentFile is stronger than Environment"
    )


def test_what_one_worker_has_alone_comes_after_what_all_have() -> None:
    files = re.findall(r"^EnvironmentFile=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert files == ["/etc/ltv/ltv.env", "-/etc/ltv/ltv-worker@%i.env"]


def test_it_is_started_again_unless_that_would_be_no_use() -> None:
    assert value("Restart") == "always"
    assert value("RestartPreventExitStatus") == str(ConfigurationError.exit_code)
    assert Fault.exit_code != ConfigurationError.exit_code
    assert value("StartLimitIntervalSec") == "0"


def test_it_is_given_the_time_to_hand_over() -> None:
    assert int(value("TimeoutStopSec")) >= STOP_SECONDS + 10


def test_every_setting_it_names_exists() -> None:
    named = set(re.findall(r"\bLTV_[A-Z_]*[A-Z]\b", UNIT.read_text()))
    assert "LTV_BROKERS" in named
    assert named <= VARIABLES


def test_what_metrics_are_read_from_is_not_hidden() -> None:
    """process_start_time_seconds comes out of /proc/stat, which ProcSubset=pid would take away."""
    assert "ProcSubset" not in UNIT.read_text()
