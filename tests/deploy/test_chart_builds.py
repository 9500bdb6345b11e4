"""A build beside the running one, in Kubernetes: a second release, as the procedures install it."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import pytest

from stream_app.settings import Settings
from stream_app.stores.topic_plan import plans
from tests.deploy.chart import (
    CHART,
    FULL,
    MINIMAL,
    Resource,
    container,
    environment,
    name_of,
    of_kind,
    one,
    pods,
    rendered,
)
from tests.deploy.facts import accepted
from tests.deploy.tooling import DEPLOY, ROOT

PAGE = (DEPLOY / "runbook-procedures.md").read_text()
FIRST = ("--set", "settings.LTV_BUILD=1")


def installation() -> tuple[str, tuple[str, ...]]:
    """The release's name and the options that the page gives it."""
    (told,) = re.findall(r"```text\n(helm install .*?)```", PAGE, re.DOTALL)
    _, _, name, chart, *options = shlex.split(told.replace("\\\n", " "))
    assert ROOT / chart == CHART
    assert options[:4] == ["--namespace", "shop", "--values", "values.yaml"]
    return name, tuple(options[4:])


def places(resources: list[Resource]) -> set[tuple[str, str]]:
    """What Kubernetes tells resources of one namespace apart by."""
    return {(each["kind"], name_of(each)) for each in resources}


def settings_of(resources: list[Resource], kind: str, name: str) -> Settings:
    """What a process of the release is told."""
    (pod,) = pods([one(resources, kind, name)])
    return accepted(environment(pod))


@pytest.mark.parametrize("example", [FULL, MINIMAL], ids=lambda path: path.stem)
def test_two_releases_share_no_resource(example: Path) -> None:
    name, options = installation()
    first, second = rendered(example, *FIRST), rendered(example, *options, release=name)
    assert not places(first) & places(second)
    for each in ("-worker", "-topics"):
        kind = "Deployment" if each == "-worker" else "Job"
        assert settings_of(second, kind, each).build == 2
    (worker,) = of_kind(second, "Deployment")
    assert name_of(worker) == f"{name}-worker"
    assert settings_of(first, "Deployment", "ltv-worker").build == 1


def test_what_the_builds_share_would_collide_without_the_options_of_the_page() -> None:
    name, _ = installation()
    build = ("--set", "settings.LTV_BUILD=2")
    both = places(rendered(FULL, *FIRST)) & places(rendered(FULL, *build, release=name))
    assert {kind for kind, _ in both} == {"KafkaTopic", "KafkaUser"}


def test_the_second_release_makes_its_changelog_and_may_do_so() -> None:
    name, options = installation()
    resources = rendered(FULL, *options, release=name)
    (job,) = pods(of_kind(resources, "Job"))
    assert container(job)["args"] == ["topics"]
    settings = accepted(environment(job))
    worker = settings_of(resources, "Deployment", "-worker")
    assert settings.changelog_topic == worker.changelog_topic == "ltv-v2-customers-changelog"
    assert worker.changelog_topic in {plan.name for plan in plans(settings).values()}
    assert settings.kafka_user == "ltv-operator"
    with (DEPLOY / "acl" / "kafka.csv").open(newline="") as file:
        prefixes = [
            row["name"]
            for row in csv.DictReader(file)
            if (row["user"], row["operation"]) == ("ltv-operator", "CREATE")
            and row["pattern"] == "prefixed"
        ]
    assert [prefix for prefix in prefixes if settings.changelog_topic.startswith(prefix)]
