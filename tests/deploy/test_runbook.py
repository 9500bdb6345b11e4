"""The runbook has an entry for whatever wakes somebody, and tells nothing that does not exist."""

from __future__ import annotations

import re

import click
import pytest

from stream_app.cli import ltv
from stream_app.cli.group import INTERRUPTED
from stream_app.metrics import TABLE
from stream_app.settings import Settings, declarations
from tests.deploy.runbook import PAGE, PARTS, RUNBOOK, anchors, blocks, entries
from tests.deploy.tools import ALERTS, RECORDED, VERIFY, Rule, unknown
from tests.docs.tables import error_types, leaves

CODES = sorted({0, INTERRUPTED} | {error.exit_code for error in error_types()})
TOOLS = {"curl", "docker", "journalctl", "kubectl", "ltv", "redis-cli", "systemctl"}


@pytest.mark.parametrize("alert", list(ALERTS.values()), ids=lambda alert: alert.name)
def test_every_alert_has_an_entry_of_its_severity(alert: Rule) -> None:
    entry = entries()[alert.name]
    assert entry.parts == [alert.severity, *PARTS]
    assert alert.annotations is not None
    address = alert.annotations["runbook_url"]
    assert address.partition("#")[0] == f"deploy/{RUNBOOK.name}"
    assert address.partition("#")[2] in anchors()


@pytest.mark.parametrize("code", CODES)
def test_every_exit_code_has_an_entry(code: int) -> None:
    assert entries()[f"Exit code {code}"].parts == list(PARTS)


def test_there_is_no_entry_of_what_does_not_exist() -> None:
    assert entries()["Killed"].parts == list(PARTS)
    known = {*ALERTS, *(f"Exit code {code}" for code in CODES), "Killed"}
    assert set(entries()) == known
    named = set(re.findall(r"`(Ltv\w+)`", PAGE))
    assert named <= set(ALERTS)


def test_every_link_leads_somewhere() -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGE):
        target, _, anchor = link.partition("#")
        assert not anchor or anchor in anchors(), link
        assert not target or (RUNBOOK.parent / target).exists(), link


def test_every_metric_and_setting_exists() -> None:
    names = {one.name for one in TABLE} | VERIFY
    assert set(re.findall(r"`(ltv_[a-z_]+)`", PAGE)) <= names
    assert set(re.findall(r"`(ltv:[a-z0-9_:]+)`", PAGE)) <= RECORDED
    variables = {one.variable for one in declarations(Settings)}
    assert set(re.findall(r"\bLTV_[A-Z_]*[A-Z]\b", PAGE)) <= variables
    for query in blocks("promql"):
        assert unknown(query) == set(), query


def test_every_command_exists_with_the_options_it_is_given() -> None:
    commands = dict(leaves(ltv))
    told = [line for line in blocks("sh") if line.startswith("ltv ")]
    told += re.findall(r"`(ltv [^`]+)`", PAGE)
    assert len(told) > 30
    for line in told:
        name = max((one for one in commands if f"{line} ".startswith(f"{one} ")), key=len)
        options = {each for one in commands[name].params for each in one.opts}
        assert set(re.findall(r"--[a-z-]+", line)) <= options | {"--help"}, line
        assert not isinstance(commands[name], click.Group) or line == name, line


def test_every_other_program_is_one_that_operators_have() -> None:
    for line in blocks("sh"):
        assert line.split()[0] in TOOLS, line
