"""The systemd units: what systemd says of them, and whether they fit the program."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from stream_app.errors import ConfigurationError, Fault
from stream_app.worker.life import STOP_SECONDS
from tests.deploy.facts import VARIABLES, understands
from tests.deploy.tooling import DEPLOY, ROOT, answer, tool

UNITS = DEPLOY / "systemd"
UNIT, VERIFY = UNITS / "ltv-worker@.service", UNITS / "ltv-verify.service"
INSTALLED = "/opt/ltv/bin/ltv"
TEXTFILES = Path("/var/lib/node_exporter")
"""Where the runbook has a node exporter read."""


def value(name: str, unit: Path = UNIT) -> str:
    """The one value of a directive."""
    (found,) = re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)
    return str(found)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units for the program of this tree, which is not where it will be installed."""
    for unit in UNITS.iterdir():
        here = unit.read_text().replace(INSTALLED, str(ROOT / ".venv" / "bin" / "ltv"))
        (tmp_path / unit.name).write_text(here)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["ltv-worker@8081.service", "ltv-verify.service", "ltv-verify.timer"]
)
def test_systemd_has_nothing_to_complain_about(name: str, units: Path) -> None:
    analyze = tool("systemd-analyze", package="systemd")
    said = answer(analyze, "verify", "--man=no", units / name)
    assert str(units) not in said
    assert "ltv" not in said


@pytest.mark.parametrize("unit", [UNIT, VERIFY], ids=lambda unit: unit.stem)
def test_systemd_calls_it_well_confined(unit: Path, units: Path) -> None:
    analyze = tool("systemd-analyze", package="systemd")
    answer(analyze, "security", "--offline=yes", "--threshold=20", "--no-pager", units / unit.name)


def test_its_first_lines_copy_the_units_and_make_the_topics_before_a_worker_starts() -> None:
    lines = re.findall(r"^#   (.*)$", UNIT.read_text().replace("\\\n#", ""), re.MULTILINE)
    words = [shlex.split(line, comments=True) for line in lines]
    (copied,) = (at for at, line in enumerate(words) if line[0] == "cp")
    source, target = words[copied][1:3]
    assert {path.name for path in ROOT.glob(source)} == {path.name for path in UNITS.iterdir()}
    assert target == "/etc/systemd/system/"
    (made,) = (at for at, line in enumerate(words) if line[-2:] == [INSTALLED, "topics"])
    named = [word for word in words[made] if word.startswith("EnvironmentFile=")]
    assert [word.partition("=")[2] for word in named] == environment_files(VERIFY)
    *_, enabled = words
    assert enabled[:3] == ["systemctl", "enable", "--now"]
    assert copied < made < len(words) - 1
    assert "ltv-verify.timer" in enabled


def environment_files(unit: Path) -> list[str]:
    """In their order; what comes later is stronger."""
    return re.findall(r"^EnvironmentFile=(.*)$", unit.read_text(), re.MULTILINE)


def test_every_night_the_verdict_gets_to_where_a_node_exporter_reads_it() -> None:
    """Also when it is a difference: what follows ExecStart only would then be left out."""
    program, *words = shlex.split(value("ExecStart", VERIFY))
    assert program == INSTALLED
    understands(words)
    written = Path(words[words.index("--metrics") + 1])
    assert written.parent == Path("/run") / value("RuntimeDirectory", VERIFY)
    first, second = re.findall(r"^ExecStopPost=\+-(.*)$", VERIFY.read_text(), re.MULTILINE)
    *_, mode, source, between = first.split()
    assert (mode, source) == ("644", str(written))
    assert second.split()[1:] == [between, str(TEXTFILES / "ltv.prom")]
    assert not between.endswith(".prom"), "half a file would be read"
    assert str(TEXTFILES) in (DEPLOY / "RUNBOOK.md").read_text()
    assert value("UMask", VERIFY) == "0022"
    assert re.fullmatch(r"\*-\*-\* \d\d:\d\d:00", value("OnCalendar", UNITS / "ltv-verify.timer"))


def test_the_command_is_one_of_ours_and_its_port_is_the_instance() -> None:
    program, *words = shlex.split(value("ExecStart").replace("%i", "8081"))
    assert program == INSTALLED
    understands(words)
    assert "%i" in value("ExecStart"), (
        "an option, since EnvironmentFile is stronger than Environment"
    )


def test_what_one_worker_has_alone_comes_after_what_all_have() -> None:
    assert environment_files(UNIT) == ["/etc/ltv/ltv.env", "-/etc/ltv/ltv-worker@%i.env"]


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
