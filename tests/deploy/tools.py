"""Tools that read what is in deploy/, and what is in there."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from stream_app.jobs.verification.textfile import METRICS
from stream_app.metrics import TABLE
from tests.docs.page import ROOT

DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))

VERIFY = set(METRICS)
"""What `ltv verify --metrics` writes for a node exporter to read."""
OTHERS = {
    "up",  # Prometheus
    "process_start_time_seconds",  # prometheus_client
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "kube_pod_container_status_last_terminated_exitcode",  # kube-state-metrics
    "kube_pod_container_status_running",
    "node_systemd_unit_state",  # node exporter
}
"""Metrics that are not ours."""

SELECTOR = re.compile(
    r"\b(?:(?:ltv|process|kube|node)[_:][a-z0-9_:]+|up\b)(?:\{[^}]*\})?", re.ASCII
)
"""A metric in PromQL, with what it is chosen by."""


def tool(name: str, package: str) -> str:
    """Where a program is; without it the test is skipped, where not everything must be tested."""
    found = shutil.which(name)
    if found is None:
        assert os.environ.get("CI", "") in ("", "0", "false"), f"{name} is not installed"
        pytest.skip(f"no {name}: what it would read is not checked (apt-get install {package})")
    return found


@dataclass(frozen=True)
class Rule:
    """One rule of a file: an alert or a recording."""

    name: str
    expression: str
    annotations: dict[str, str] | None
    """None: a recording rule."""
    severity: str = ""


def rules() -> list[Rule]:
    """Of all files, in their order."""
    found = []
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                alert = "alert" in rule
                found.append(
                    Rule(
                        rule["alert" if alert else "record"],
                        rule["expr"],
                        rule["annotations"] if alert else None,
                        rule["labels"]["severity"] if alert else "",
                    )
                )
    return found


ALERTS = {rule.name: rule for rule in rules() if rule.annotations is not None}
RECORDED = {rule.name for rule in rules() if rule.annotations is None}


@dataclass(frozen=True)
class Query:
    """One query of a panel."""

    where: str
    expression: str
    labels: tuple[str, ...]
    """Those that its legend shows."""


def queries() -> list[Query]:
    """Of all panels of all dashboards."""
    return [
        Query(
            f"{path.stem}: {panel['title']}",
            target["expr"],
            tuple(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])),
        )
        for path in DASHBOARDS
        for panel in panels(path)
        for target in panel.get("targets", ())
    ]


def panels(path: Path) -> list[dict[str, Any]]:
    """Of one dashboard, rows among them."""
    found: list[dict[str, Any]] = json.loads(path.read_text())["panels"]
    return found


def unknown(expression: str) -> set[str]:
    """Metrics of an expression that nobody has: neither we, nor a rule, nor another exporter."""
    known = {one.name for one in TABLE} | RECORDED | VERIFY | OTHERS
    for one in TABLE:
        if one.kind == "histogram":
            known |= {f"{one.name}_{part}" for part in ("bucket", "count", "sum")}
    return {found.partition("{")[0] for found in SELECTOR.findall(expression)} - known
