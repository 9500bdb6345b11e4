"""The chart, for those who operate it: who makes topics, where commands are given, who recounts,
and what is said after an installation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stream_app.settings import Settings
from stream_app.stores.topic_plan import plans
from tests.deploy.chart import (
    CHART,
    EXAMPLES,
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
from tests.deploy.facts import accepted, read, understands
from tests.deploy.runbook import PAGE
from tests.deploy.tooling import answer, tool
from tests.docs.page import README


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    """The values that the README shows."""
    section = README.read_text().partition("## Run it in production")[2].partition("\n## ")[0]
    (values,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    path = tmp_path / "values.yaml"
    path.write_text(values)
    return path


def pod_of(resources: list[Resource], kind: str, name: str) -> Resource:
    """The pod of a Deployment, Job or CronJob."""
    (pod,) = pods([one(resources, kind, name)])
    return pod


def made(resources: list[Resource]) -> set[str]:
    """The topics that a release makes: by its job, or as resources of Strimzi."""
    topics = {each["spec"]["topicName"] for each in of_kind(resources, "KafkaTopic")}
    for pod in pods(of_kind(resources, "Job")):
        assert container(pod)["args"] == ["topics"]
        topics |= {plan.name for plan in plans(accepted(environment(pod))).values()}
    return topics


def needed(resources: list[Resource]) -> set[str]:
    """The topics without which a worker of the release ends with 78."""
    settings: Settings = accepted(environment(pod_of(resources, "Deployment", "-worker")))
    return {plan.name for plan in plans(settings).values()}


def test_somebody_makes_every_topic_that_a_worker_of_the_readme_needs(shown: Path) -> None:
    resources = rendered(shown)
    assert len(needed(resources)) == 6
    assert made(resources) == needed(resources)
    assert made(rendered(shown, "--set", "topicsJob.enabled=false")) == set()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_topics_are_made_whole_or_not_at_all(example: Path) -> None:
    resources = rendered(example)
    assert made(resources) == (set() if example == MINIMAL else needed(resources))


def test_the_runbooks_commands_are_given_in_a_pod_that_may_give_them(shown: Path) -> None:
    resources = rendered(shown)
    for name in set(re.findall(r"kubectl exec deploy/<release>(-\w+)", PAGE)):
        pod = pod_of(resources, "Deployment", name)
        assert accepted(environment(pod)).kafka_user == "ltv-operator"
        secrets = {each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each}
        assert {"ltv-operator", "ltv-redis"} <= secrets
        assert container(pod)["command"] == ["sleep", "infinity"]
        assert "livenessProbe" not in container(pod)
    assert name_of(one(resources, "Deployment", "-operator")) == "ltv-operator"
    assert "kubectl exec deploy/<release>-operator --" in PAGE


def test_the_operator_comes_to_redis_by_a_url_of_its_own() -> None:
    resources = rendered(FULL)
    for kind, name in (("Deployment", "-operator"), ("CronJob", "-verify")):
        volumes = {each["name"]: each for each in pod_of(resources, kind, name)["volumes"]}
        assert volumes["redis-url"]["secret"]["items"] == [{"key": "operator-url", "path": "url"}]
        assert volumes["kafka-user"]["secret"]["secretName"] == "ltv-operator"


def test_a_recount_that_finds_a_difference_is_a_failed_job() -> None:
    job = one(rendered(FULL), "CronJob", "-verify")["spec"]["jobTemplate"]["spec"]
    assert job["backoffLimit"] == 0
    assert job["template"]["spec"]["restartPolicy"] == "Never"


def test_a_recount_leaves_its_metrics_where_a_node_exporter_reads_them(tmp_path: Path) -> None:
    """As the comment of values.yaml says."""
    comment = (CHART / "values.yaml").read_text().partition("\nverify:")[0].rpartition("\n\n")[2]
    lines = [line.removeprefix("#   ") for line in comment.splitlines() if line[:4] == "#   "]
    more = tmp_path / "more.yaml"
    more.write_text("verify:\n" + "".join(f"  {line}\n" for line in lines))
    pod = pod_of(rendered(FULL, "--values", str(more)), "CronJob", "-verify")
    words = container(pod)["args"]
    understands(words)
    mounts = {each["name"]: each["mountPath"] for each in container(pod)["volumeMounts"]}
    assert Path(words[words.index("--metrics") + 1]).parent == Path(mounts["textfile"])
    volumes = {each["name"]: each for each in pod["volumes"]}
    assert volumes["textfile"]["hostPath"] == read(more)["verify"]["textfile"]["hostPath"]
    assert pod["nodeSelector"] == read(more)["verify"]["nodeSelector"]


def notes(example: Path) -> str:
    """What Helm says after an installation."""
    command = (tool("helm"), "install", "ltv", CHART, "--values", example, "--namespace", "x")
    return answer(*command, "--dry-run=client").partition("NOTES:")[2]


def test_the_notes_name_the_group_and_the_workers() -> None:
    said = notes(FULL)
    assert f"as group {Settings.app_id}-v2." in said
    assert "deployment/ltv-worker" in said


def test_so_few_workers_as_there_may_be_must_hold_everybody_and_the_notes_say_so() -> None:
    assert read(CHART / "values.yaml")["autoscaling"]["minReplicas"] >= 2
    assert "KEDA may scale down to 2: as many as hold all customers in 2Gi each" in notes(FULL)
    assert "KEDA" not in notes(MINIMAL)


def test_the_notes_say_where_commands_are_given_and_that_somebody_must_make_topics() -> None:
    assert "exec deploy/ltv-operator -- ltv builds" in notes(FULL)
    assert "makes the topics" not in notes(FULL)
    assert "Nobody but you makes the topics" in notes(MINIMAL)
    assert "deploy/ltv-operator" not in notes(MINIMAL)
