"""The chart as Helm renders it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.deploy.facts import documents
from tests.deploy.tooling import DEPLOY, answer, tool

CHART: Final = DEPLOY / "helm" / "ltv-live"
MINIMAL: Final = CHART / "ci" / "minimal.yaml"
FULL: Final = CHART / "ci" / "full.yaml"
EXAMPLES: Final = tuple(sorted((CHART / "ci").glob("*.yaml")))

Resource = dict[str, Any]


def rendered(
    values: Path, *options: str, chart: Path = CHART, release: str = "ltv"
) -> list[Resource]:
    """All resources of a release in the namespace shop."""
    return documents(text(values, *options, chart=chart, release=release))


def text(values: Path, *options: str, chart: Path = CHART, release: str = "ltv") -> str:
    """The same as Helm prints it."""
    said = answer(*_template(values, *options, chart=chart, release=release))
    # On standard error: that files are links, as those are which deploy/ has elsewhere.
    return said[said.index("---\n") :]


def _template(values: Path, *options: str, chart: Path, release: str) -> list[str | Path]:
    named: list[str | Path] = ["template", release, chart, "--namespace", "shop"]
    return [tool("helm"), *named, "--values", values, *options]


def one(resources: list[Resource], kind: str, name: str = "") -> Resource:
    """The one resource of a kind whose name ends so."""
    (found,) = (each for each in of_kind(resources, kind) if name_of(each).endswith(name))
    return found


def of_kind(resources: list[Resource], kind: str) -> list[Resource]:
    """Those of a kind, in order."""
    return [each for each in resources if each["kind"] == kind]


def name_of(resource: Resource) -> str:
    """Its name."""
    name: str = resource["metadata"]["name"]
    return name


def pods(resources: list[Resource]) -> Iterator[Resource]:
    """The specification of every pod that the release would start."""
    for each in resources:
        spec = each.get("spec", {})
        if each["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if each["kind"] in {"Deployment", "Job", "CronJob"}:
            yield spec["template"]["spec"]


def container(pod: Resource) -> Resource:
    """The one container of a pod."""
    (found,) = pod["containers"]
    return dict(found)


def environment(pod: Resource) -> dict[str, str]:
    """What it is told by variables."""
    return {each["name"]: each["value"] for each in container(pod)["env"]}
