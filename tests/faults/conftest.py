"""Faults as values: a test's marker says which it makes, and every run can end with a table.

``make faults`` runs the long forms of all (``FAULT=F7`` those of one, ``FAULT=F5,F6`` of some);
``pytest --fault-table tests/faults`` gives the same table of the short forms.  Both print it and
append it to results.csv.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict

import pytest

from tests.chaos.planted import planted
from tests.faults.catalogue import FAULTS
from tests.faults.results import Row, keep, table
from tests.rig.account import PROPERTY, Run

LONG = "LONG" in os.environ
LONG_SECONDS = 4 * 3600
"""A long form may take so long, whatever bound its short form has."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Give the option; pytest knows it where this directory is among its arguments."""
    parser.addoption(
        "--fault-table", action="store_true", help="print a row a fault, append to results.csv"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Watch over the whole run: tests elsewhere make faults as well."""
    config.pluginmanager.register(FaultTable(config), "fault table")


@pytest.fixture(scope="session", autouse=True)
def _planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """``PLANTED=name`` gives the workers one of the bugs of tests/chaos/planted.py."""
    name = os.environ.get("PLANTED", "")
    with planted(name, tmp_path_factory.mktemp("bug")) if name else nullcontext():
        yield


@pytest.fixture(scope="session")
def long() -> bool:
    """Whether the long form is wanted: the same script, other numbers."""
    return LONG


@pytest.fixture
def account(request: pytest.FixtureRequest) -> Callable[[Run], None]:
    """Tell the table what a test came to that opens no stage; a stage tells by itself."""
    node: pytest.Item = request.node
    return lambda run: node.user_properties.append((PROPERTY, asdict(run)))


class FaultTable:
    """Gathers the runs of marked tests, and shows a row a fault."""

    def __init__(self, config: pytest.Config) -> None:
        self._wanted = LONG or bool(config.getoption("--fault-table", False))
        chosen = os.environ.get("FAULT", "")
        self._demanded = list(FAULTS) if chosen == "all" else [*filter(None, chosen.split(","))]
        """Faults that must have a test in this run."""
        if unknown := set(self._demanded) - set(FAULTS):
            raise pytest.UsageError(f"FAULT={chosen}: there is no {', '.join(sorted(unknown))}")
        self._of: dict[str, list[str]] = {}
        self._rows = {fault: Row(fault) for fault in self._demanded}
        self._worst: dict[str, str] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Learn who makes which fault; leave out those that were not asked for."""
        for item in items:
            if faults := _faults(item):
                self._of[item.nodeid] = faults
                if LONG:
                    item.add_marker(pytest.mark.timeout(LONG_SECONDS), append=False)
        if not self._demanded:
            return
        left_out = [
            item
            for item in items
            if item.nodeid in self._of and not set(self._of[item.nodeid]) & set(self._demanded)
        ]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once, when it is torn down, by the worst that became of its phases."""
        if report.nodeid not in self._of:
            return
        for fault in self._of[report.nodeid]:
            row = self._rows.setdefault(fault, Row(fault))
            if report.skipped and isinstance(report.longrepr, tuple):
                row.reasons.append(report.longrepr[2].removeprefix("Skipped: "))
        if report.outcome != "passed" and self._worst.get(report.nodeid) != "failed":
            self._worst[report.nodeid] = report.outcome
        if report.when == "teardown":
            self._count(report)

    def _count(self, report: pytest.TestReport) -> None:
        outcome = self._worst.get(report.nodeid, "passed")
        runs = [
            Run(**told)
            for name, told in report.user_properties
            if name == PROPERTY and isinstance(told, dict)
        ]
        if not runs and outcome != "skipped":
            runs = [Run(seed=None, events=0, customers=0)]
        for fault in self._of[report.nodeid]:
            row = self._rows[fault]
            row.outcomes[outcome] += 1
            row.runs += runs

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A fault that must have a test and has none fails the run."""
        if self._wanted and not session.config.option.collectonly and self._is_missing():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(
        self,
        terminalreporter: pytest.TerminalReporter,
        exitstatus: pytest.ExitCode,
        config: pytest.Config,
    ) -> None:
        """Print, and append to the file; a run that was interrupted proves nothing."""
        rows = [self._rows[fault] for fault in FAULTS if fault in self._rows]
        if not self._wanted or not rows or config.option.collectonly:
            return
        terminalreporter.section("faults")
        for line in table(rows):
            terminalreporter.write_line(line)
        if exitstatus != pytest.ExitCode.INTERRUPTED:
            keep(rows, "long" if LONG else "short")

    def _is_missing(self) -> bool:
        return any(not row.outcomes for row in self._rows.values())


def _faults(item: pytest.Item) -> list[str]:
    """The faults that a test makes; an unknown one is an error."""
    found = [str(number) for mark in item.iter_markers("fault") for number in mark.args]
    if unknown := set(found) - set(FAULTS):
        raise pytest.UsageError(f"{item.nodeid}: there is no fault {', '.join(sorted(unknown))}")
    return found
