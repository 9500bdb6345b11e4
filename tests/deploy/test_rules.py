"""Rules and configuration of Prometheus, read by its own tool, and what it does not look at."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.tools import ALERTS, PROMETHEUS, RULES, Rule, rules, tool, unknown

TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
ONE_SENTENCE = re.compile(r"[A-Z][^.]*\.")


def promtool(*arguments: str | Path, directory: Path | None = None) -> str:
    """What it says; AssertionError with that where it finds fault."""
    made = subprocess.run(
        [tool("promtool", "prometheus"), *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout


def test_promtool_reads_the_rules() -> None:
    promtool("check", "rules", *RULES)


def test_promtool_reads_the_configuration_with_the_rules_it_names(tmp_path: Path) -> None:
    copied = shutil.copytree(PROMETHEUS, tmp_path / "prometheus")
    (tmp_path / "token").write_text("0123456789abcdef")
    page = (copied / "prometheus.yml").read_text()
    assert "/run/secrets/serve-token" in page
    (copied / "prometheus.yml").write_text(
        page.replace("/run/secrets/serve-token", str(tmp_path / "token"))
    )
    said = promtool("check", "config", copied / "prometheus.yml")
    assert f"{len(RULES)} rule files found" in said


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_must_and_are_silent_when_they_must(path: Path) -> None:
    promtool("test", "rules", path.name, directory=path.parent)


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_every_alert_is_tested_both_ways(alert: str) -> None:
    expected = [
        bool(one["exp_alerts"])
        for path in TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for one in test["alert_rule_test"]
        if one["alertname"] == alert
    ]
    assert True in expected, "never seen firing"
    assert False in expected, "never seen silent"


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_every_metric_that_a_rule_asks_for_is_one_that_somebody_has(rule: Rule) -> None:
    assert unknown(rule.expression) == set()


@pytest.mark.parametrize("alert", list(ALERTS.values()), ids=lambda alert: alert.name)
def test_every_alert_says_what_to_do_in_one_sentence_and_where_to_read_on(alert: Rule) -> None:
    assert alert.severity in {"page", "ticket"}
    assert alert.annotations is not None
    assert alert.annotations.keys() == {"summary", "description", "runbook_url"}
    words = re.sub(r"\{\{.*?\}\}", "it", alert.annotations["description"])
    assert ONE_SENTENCE.fullmatch(words)
    assert alert.annotations["runbook_url"] == f"deploy/RUNBOOK.md#{alert.name.lower()}"


def test_the_objective_of_freshness_has_a_bucket_that_ends_at_its_second() -> None:
    from stream_app.metrics import BUCKETS

    (slo,) = (one for one in rules() if one.name == "ltv:events_in_time:rate5m")
    (bound,) = re.findall(r'le="([^"]+)"', slo.expression)
    assert bound in map(str, BUCKETS)
    assert float(bound) == 1.0
