"""Every file of deploy/ is reached by a test, or it is said here why not."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.deploy.tooling import DEPLOY, ROOT

CHART = "helm/ltv-live"
REACHED = {
    "Dockerfile": "test_image.py",
    "Dockerfile.dockerignore": "test_image.py",
    "compose.yaml": "test_compose.py",
    "systemd/ltv-worker@.service": "test_systemd.py",
    "systemd/ltv-verify.service": "test_systemd.py",
    "systemd/ltv-verify.timer": "test_systemd.py",
    f"{CHART}/.helmignore": "test_chart.py",
    f"{CHART}/Chart.yaml": "test_chart.py",
    f"{CHART}/values.yaml": "test_chart.py",
    f"{CHART}/values.schema.json": "test_chart.py",
    f"{CHART}/ci/full.yaml": "test_chart.py",
    f"{CHART}/ci/minimal.yaml": "test_chart.py",
    f"{CHART}/ci/mutual-tls.yaml": "test_chart.py",
    f"{CHART}/templates/NOTES.txt": "test_chart_operator.py",
    f"{CHART}/templates/_checks.tpl": "test_chart_refusals.py",
    f"{CHART}/templates/_names.tpl": "test_chart.py",
    f"{CHART}/templates/_pod.tpl": "test_chart.py",
    f"{CHART}/templates/autoscaling.yaml": "test_custom_resources.py",
    f"{CHART}/templates/disruption.yaml": "test_chart.py",
    f"{CHART}/templates/fit.yaml": "test_chart.py",
    f"{CHART}/templates/monitoring.yaml": "test_custom_resources.py",
    f"{CHART}/templates/network.yaml": "test_chart.py",
    f"{CHART}/templates/operator.yaml": "test_chart_operator.py",
    f"{CHART}/templates/serve.yaml": "test_chart.py",
    f"{CHART}/templates/strimzi-topics.yaml": "test_custom_resources.py",
    f"{CHART}/templates/strimzi-users.yaml": "test_custom_resources.py",
    f"{CHART}/templates/topics-job.yaml": "test_chart_builds.py",
    f"{CHART}/templates/verify.yaml": "test_chart_operator.py",
    f"{CHART}/templates/worker.yaml": "test_chart.py",
    "acl/README.md": "security/test_acl_page.py",
    "acl/kafka-acls.sh": "security/test_script.py",
    "acl/kafka.csv": "security/test_rights.py",
    "acl/redis.acl": "security/test_aclfile.py",
    "RUNBOOK.md": "test_runbook.py",
    "runbook-procedures.md": "test_procedures.py",
    "prometheus/prometheus.yml": "test_compose.py",
    "prometheus/rules/*": "test_chart.py",
    "prometheus/tests/*": "test_rules.py",
    "grafana/dashboards.py": "test_dashboards.py",
    "grafana/panels.py": "test_dashboards.py",
    "grafana/provisioning/*": "test_compose.py",
    "grafana/dashboards/*": "test_compose.py",
}
"""By path, or by a pattern where the test takes whatever is there: a test that would fail if the
file were wrong."""
UNCHECKED: dict[str, str] = {}
"""By path: why nothing can check it here."""


def files() -> list[str]:
    """All files of deploy/, links to others left out."""
    found = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
    outside = {path.parent for path in DEPLOY.rglob("*") if path.is_symlink()}
    assert outside == {DEPLOY / CHART / "files"}
    kept = [path for path in found if "__pycache__" not in path.parts and path.name != ".env"]
    names = [path.relative_to(DEPLOY).as_posix() for path in kept if path.parent not in outside]
    return [name for name in names if not name.startswith(f"{CHART}/files/")]


@pytest.mark.parametrize("name", files())
def test_a_test_reaches_the_file_or_it_is_said_why_not(name: str) -> None:
    reached = [pattern for pattern in REACHED if fnmatch(name, pattern)]
    assert bool(reached) != (name in UNCHECKED), name


def test_the_table_names_only_what_there_is() -> None:
    for pattern, test in REACHED.items():
        assert any(fnmatch(name, pattern) for name in files()), pattern
        assert (Path(__file__).parent / test).is_file() or (ROOT / "tests" / test).is_file()
        assert "*" not in pattern or not pattern.startswith(("acl/", CHART)), (
            "a new one is to be read"
        )
    assert set(UNCHECKED) <= set(files())


def test_no_template_of_the_chart_is_left_out_of_every_example() -> None:
    """A template that no example renders is read by no tool."""
    from tests.deploy.chart import EXAMPLES, text

    rendered = "".join(text(example) for example in EXAMPLES)
    sources = set(re.findall(r"^# Source: ltv-live/(templates/\S+)$", rendered, re.MULTILINE))
    templates = {
        name.removeprefix(f"{CHART}/") for name in files() if f"{CHART}/templates/" in name
    }
    helpers = {name for name in templates if Path(name).name.startswith("_")}
    assert templates - helpers - {"templates/NOTES.txt"} == sources
