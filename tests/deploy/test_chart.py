"""The chart: what Helm and the schemas of Kubernetes say, and whether it fits the program."""

from __future__ import annotations

import json
import re
from math import ceil
from pathlib import Path

import jsonschema
import pytest

from stream_app import __version__
from stream_app.wiring import FOLDED_A_SECOND
from stream_app.worker.life import STOP_SECONDS
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
    text,
)
from tests.deploy.facts import SERVE_PORT, USER, VARIABLES, WORKER_PORT, accepted, read, understands
from tests.deploy.tooling import DEPLOY, PACKAGES, STRIMZI, answer, outcome, tool
from tests.docs.page import README

VALUES = read(CHART / "values.yaml")
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
KUBERNETES = "1.37.0"

examples = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)


# -- what the tools say ----------------------------------------------------------------------


@examples
def test_helm_finds_nothing_to_complain_about(example: Path) -> None:
    answer(tool("helm"), "lint", "--strict", CHART, "--values", example)


@examples
def test_kubernetes_knows_every_field(example: Path, tmp_path: Path) -> None:
    path = tmp_path / "rendered.yaml"
    path.write_text(text(example))
    validator = tool("kubernetes-validate")
    said = answer(validator, "--kubernetes-version", KUBERNETES, "--strict", path)
    checked = re.findall(r"passed for resource (\S+)", said)
    own = [each for each in rendered(example) if "." not in each["apiVersion"].partition("/")[0]]
    assert len(checked) >= len(own) > 0


def test_kubernetes_refuses_a_field_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "rendered.yaml"
    path.write_text(text(MINIMAL).replace("readOnlyRootFilesystem", "readOnlyRootFilesytem"))
    validator = tool("kubernetes-validate")
    code, said = outcome(validator, "--kubernetes-version", KUBERNETES, "--strict", path)
    assert code != 0
    assert "readOnlyRootFilesytem" in said


def test_a_package_has_what_the_directory_has(tmp_path: Path) -> None:
    answer(tool("helm"), "package", CHART, "--destination", tmp_path)
    (package,) = tmp_path.glob("*.tgz")
    assert rendered(FULL, chart=package) == rendered(FULL)


def test_no_value_is_unknown_to_the_schema_and_none_of_the_schema_is_missing() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(VALUES, SCHEMA)
    assert set(SCHEMA["properties"]) == {*VALUES, "global"}
    for name, inner in SCHEMA["properties"].items():
        if inner.get("additionalProperties") is False:
            assert set(inner["properties"]) == set(VALUES[name]), name


# -- whether it fits the program -------------------------------------------------------------


def test_the_version_is_that_of_the_program() -> None:
    assert read(CHART / "Chart.yaml")["appVersion"] == __version__


def test_the_values_that_the_readme_shows_are_enough(tmp_path: Path) -> None:
    section = README.read_text().partition("## Run it in production")[2].partition("\n## ")[0]
    (shown,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    values = tmp_path / "values.yaml"
    values.write_text(shown)
    for pod in pods(rendered(values)):
        assert accepted(environment(pod)).currency == "EUR"
        assert container(pod)["image"] == f"registry.example/ltv-live:{__version__}"
    assert f"the schemas of Kubernetes {KUBERNETES.removesuffix('.0')}" in section
    assert f"Strimzi {STRIMZI.rpartition(':')[2].removesuffix('.0')} reads" in section
    packages = PACKAGES.read_text()
    for name, pattern in (("KEDA", "models.keda"), ("operator", "models.prometheus_operator")):
        (version,) = re.findall(rf"{pattern}==(\d+\.\d+)\.", packages)
        assert f"{name} {version}" in section
    assert f"has half an hour for that (`worker.recoverySeconds`), and {_grace()} s" in section
    assert f"of which it needs {STOP_SECONDS:g}" in section


def _grace() -> int:
    assert VALUES["worker"]["recoverySeconds"] == 1800
    return int(VALUES["worker"]["terminationGracePeriodSeconds"])


def understood(found: Resource) -> bool:
    """A command of ours; or a pod that waits until it is given one."""
    if "command" in found:
        return bool(found["command"] == ["sleep", "infinity"] and "args" not in found)
    understands(found["args"])
    return True


@examples
def test_every_process_is_a_command_with_settings_it_accepts(example: Path) -> None:
    found = list(pods(rendered(example)))
    assert found
    for pod in found:
        assert understood(container(pod))
        settings = accepted(environment(pod))
        assert settings.partitions == {**VALUES, **read(example)}["partitions"]
        assert set(environment(pod)) <= VARIABLES


def test_the_settings_that_the_chart_makes_can_not_be_set_beside_it() -> None:
    made: set[str] = set()
    for example in EXAMPLES:
        own = read(example).get("settings", {})
        made |= {name for pod in pods(rendered(example)) for name in environment(pod)} - set(own)
    forbidden = set(SCHEMA["properties"]["settings"]["propertyNames"]["not"]["enum"])
    assert forbidden <= VARIABLES
    assert made - forbidden == {"LTV_LOG_FORMAT"}  # json, unless another is wanted


def test_a_setting_comes_out_as_it_was_written() -> None:
    options = ["--set", "settings.LTV_MAX_VALUE=20000000", "--set", "settings.LTV_DRIFT=0.05"]
    options += ["--set", "settings.LTV_HISTORY_TRIMMED=true,settings.LTV_LOG_FORMAT=console"]
    resources = rendered(MINIMAL, *options)
    told = environment(one(resources, "Deployment", "-worker")["spec"]["template"]["spec"])
    assert told["LTV_MAX_VALUE"] == "20000000"
    assert (accepted(told).drift, accepted(told).history_trimmed) == (0.05, True)
    assert told["LTV_LOG_FORMAT"] == "console"


EXTRAS = """
settings: {LTV_OTEL: true, LTV_MODEL_FILE: /etc/files/model.json}
extraEnv: [{name: OTEL_EXPORTER_OTLP_ENDPOINT, value: "http://collector:4318"}]
extraVolumes: [{name: files, configMap: {name: ltv-files}}]
extraVolumeMounts: [{name: files, mountPath: /etc/files, readOnly: true}]
networkPolicy: {extraEgress: [{ports: [{protocol: TCP, port: 4318}]}]}
"""


@examples
def test_every_pod_has_what_was_asked_for_besides(example: Path, tmp_path: Path) -> None:
    """Traces with their collector, a file that a setting names, and the way out to it."""
    more = tmp_path / "more.yaml"
    more.write_text(EXTRAS)
    resources = rendered(example, "--values", str(more))
    for pod in pods(resources):
        told = environment(pod)
        assert told["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector:4318"
        assert accepted(told).otel
        mounts = {each["name"]: each["mountPath"] for each in container(pod)["volumeMounts"]}
        assert told["LTV_MODEL_FILE"].startswith(f"{mounts['files']}/")
        assert {"name": "files", "configMap": {"name": "ltv-files"}} in pod["volumes"]
    for policy in of_kind(resources, "NetworkPolicy"):
        assert 4318 in _ports(policy["spec"]["egress"]), name_of(policy)
    path = tmp_path / "rendered.yaml"
    path.write_text(text(example, "--values", str(more)))
    answer(tool("kubernetes-validate"), "--kubernetes-version", KUBERNETES, "--strict", path)


@examples
def test_nobody_is_root_and_nothing_can_be_written_but_temporary_files(example: Path) -> None:
    for pod in pods(rendered(example)):
        assert pod["securityContext"]["runAsUser"] == USER
        assert pod["securityContext"]["runAsNonRoot"]
        inside = container(pod)["securityContext"]
        assert inside["readOnlyRootFilesystem"]
        assert not inside["allowPrivilegeEscalation"]
        assert inside["capabilities"] == {"drop": ["ALL"]}
        assert not pod["automountServiceAccountToken"]
        writable = [each for each in container(pod)["volumeMounts"] if not each.get("readOnly")]
        assert [each["mountPath"] for each in writable] == ["/tmp"]
        assert container(pod)["resources"]["limits"]["memory"]


@examples
def test_kubernetes_adds_no_variables_of_its_own(example: Path) -> None:
    """A service ltv-serve would give each pod LTV_SERVE_PORT, which is no setting."""
    for pod in pods(rendered(example)):
        assert pod["enableServiceLinks"] is False


@examples
def test_every_secret_is_there_where_a_setting_says(example: Path) -> None:
    for pod in pods(rendered(example)):
        mounts = {each["name"]: each["mountPath"] for each in container(pod)["volumeMounts"]}
        files = {
            f"{mounts[volume['name']]}/{item['path']}"
            for volume in pod["volumes"]
            for item in volume.get("secret", {}).get("items", [])
        }
        named = {value for name, value in environment(pod).items() if name.endswith("_FILE")}
        assert named <= files
        # The authority of Redis is named by the URL, which is in the secret.
        assert files - named <= {"/etc/ltv/redis/ca.crt"}


def worker_of(*options: str) -> Resource:
    """The workers' Deployment."""
    return one(rendered(MINIMAL, *options), "Deployment", "-worker")


def test_a_worker_has_the_time_it_needs_to_stop_and_to_recover() -> None:
    pod = worker_of()["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] >= STOP_SECONDS + 10
    least = SCHEMA["properties"]["worker"]["properties"]["terminationGracePeriodSeconds"]["minimum"]
    assert least > STOP_SECONDS
    for seconds in (1800, 61):
        deployment = worker_of("--set", f"worker.recoverySeconds={seconds}")
        probe = container(deployment["spec"]["template"]["spec"])["startupProbe"]
        assert probe["failureThreshold"] == ceil(seconds / probe["periodSeconds"])
        assert deployment["spec"]["progressDeadlineSeconds"] > seconds


def test_probes_ask_what_answers() -> None:
    resources = rendered(FULL)
    for component, port in (("worker", WORKER_PORT), ("serve", SERVE_PORT)):
        found = container(one(resources, "Deployment", f"-{component}")["spec"]["template"]["spec"])
        assert found["ports"] == [{"name": "http", "containerPort": port}]
        probes = {name: value for name, value in found.items() if name.endswith("Probe")}
        paths = {name: probe["httpGet"]["path"] for name, probe in probes.items()}
        assert paths.pop("livenessProbe") == "/livez"
        assert set(paths.values()) == {"/readyz" if component == "worker" else "/livez"}
        assert all(probe["httpGet"]["port"] == "http" for probe in probes.values())
        (service,) = one(resources, "Service", f"-{component}")["spec"]["ports"]
        assert service["targetPort"] == "http"
        assert service["port"] == port


def test_there_are_never_more_workers_than_partitions_nor_none() -> None:
    resources = rendered(FULL)
    scaled = one(resources, "ScaledObject")["spec"]
    assert "replicas" not in one(resources, "Deployment", "-worker")["spec"], "KEDA decides"
    assert scaled["scaleTargetRef"]["name"] == name_of(one(resources, "Deployment", "-worker"))
    assert 1 <= scaled["minReplicaCount"] <= scaled["maxReplicaCount"] <= read(FULL)["partitions"]
    assert "idleReplicaCount" not in scaled
    pace = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    down, up = pace["scaleDown"], pace["scaleUp"]
    assert down["policies"][0]["value"] == 1
    assert down["stabilizationWindowSeconds"] > up["stabilizationWindowSeconds"]
    assert down["policies"][0]["periodSeconds"] > up["policies"][0]["periodSeconds"]


def test_lag_is_that_of_the_group_on_every_topic_that_is_read() -> None:
    resources = rendered(FULL)
    pod = one(resources, "Deployment", "-worker")["spec"]["template"]["spec"]
    settings = accepted(environment(pod))
    asked = [each["metadata"] for each in one(resources, "ScaledObject")["spec"]["triggers"]]
    assert {each["topic"] for each in asked} == set(settings.source_topics)
    assert {each["consumerGroup"] for each in asked} == {settings.group}
    assert {each["bootstrapServers"] for each in asked} == {settings.brokers}
    assert {each["lagThreshold"] for each in asked} == {str(5 * FOLDED_A_SECOND)}
    assert settings.kafka_security == "SASL_SSL"
    assert {(each["sasl"], each["tls"]) for each in asked} == {("scram_sha512", "enable")}
    proof = one(resources, "TriggerAuthentication")["spec"]
    assert [each["parameter"] for each in proof["secretTargetRef"]] == ["password", "ca"]
    (user,) = proof["env"]
    assert environment(pod)[user["name"]] == settings.kafka_user


def test_nodes_are_drained_one_worker_at_a_time() -> None:
    resources = rendered(FULL)
    for component in ("worker", "serve"):
        budget = one(resources, "PodDisruptionBudget", component)["spec"]
        deployment = one(resources, "Deployment", component)["spec"]
        assert budget["maxUnavailable"] == 1
        assert budget["selector"] == deployment["selector"]
        assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert read(CHART / "Chart.yaml")["kubeVersion"] == ">=1.27.0-0", "older ones don't know that"


def test_a_rollout_takes_one_worker_after_the_other_unless_all_are_to_go_at_once() -> None:
    """The API server refuses `rollingUpdate` beside another type."""
    assert worker_of()["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
    }
    at_once = worker_of("--set", "worker.strategy.type=Recreate")
    assert at_once["spec"]["strategy"] == {"type": "Recreate"}


def test_policies_let_through_what_is_needed_and_nothing_else() -> None:
    resources = rendered(CHART / "ci" / "mutual-tls.yaml")
    policy = one(resources, "NetworkPolicy", "-worker")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert _ports(policy["egress"]) == [53, 53, 9093, 9094, 6379]
    assert _ports(policy["ingress"]) == ["http"]
    assert policy["ingress"][0]["from"]
    jobs = one(resources, "NetworkPolicy", "-jobs")["spec"]
    assert _ports(jobs["egress"]) == [53, 53, 9093, 9094]
    assert "ingress" not in jobs
    operator = one(rendered(FULL), "NetworkPolicy", "-operator")["spec"]
    assert _ports(operator["egress"]) == [53, 53, 9093, 6379]
    assert "ingress" not in operator
    serve = one(rendered(FULL), "NetworkPolicy", "-serve")["spec"]
    assert _ports(serve["egress"]) == [53, 53, 6379]
    assert len(serve["ingress"][0]["from"]) == 2, "clients and Prometheus"
    assert not of_kind(rendered(MINIMAL, "--set", "networkPolicy.enabled=false"), "NetworkPolicy")


def _ports(rules: list[Resource]) -> list[int | str]:
    return [port["port"] for rule in rules for port in rule["ports"]]


def test_every_pod_falls_under_a_policy_that_knows_it() -> None:
    resources = [*rendered(FULL), *rendered(CHART / "ci" / "mutual-tls.yaml")]
    chosen = [each["spec"]["podSelector"] for each in of_kind(resources, "NetworkPolicy")]
    components = {each["matchLabels"].get("app.kubernetes.io/component") for each in chosen}
    components |= {
        value
        for each in chosen
        for expression in each.get("matchExpressions", [])
        for value in expression["values"]
    }
    started = {
        each["metadata"]["labels"]["app.kubernetes.io/component"]
        for each in resources
        if each["kind"] in {"Deployment", "Job", "CronJob"}
    }
    assert started == {"worker", "serve", "fit", "topics", "operator", "verify"} <= components


def test_prometheus_finds_workers_that_still_recover_by_the_names_of_its_rules() -> None:
    resources = rendered(FULL)
    jobs = re.findall(r"job_name: (\S+)", (DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert one(resources, "Service", "-worker")["spec"]["publishNotReadyAddresses"]
    for component in ("worker", "serve"):
        monitor = one(resources, "ServiceMonitor", component)["spec"]
        assert monitor["namespaceSelector"] == {"matchNames": ["shop"]}
        service = one(resources, "Service", component)
        assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        (endpoint,) = monitor["endpoints"]
        assert endpoint["port"] == service["spec"]["ports"][0]["name"]
        (named,) = endpoint["relabelings"]
        assert named["targetLabel"] == "job"
        assert named["replacement"] in jobs
        assert ("authorization" in endpoint) == (component == "serve")


def test_the_rules_are_those_of_the_directory_of_prometheus() -> None:
    groups = [
        group
        for path in sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
        for group in read(path)["groups"]
    ]
    found = [each["spec"]["groups"] for each in of_kind(rendered(FULL), "PrometheusRule")]
    assert groups
    assert [group for each in found for group in each] == groups


def test_what_is_switched_off_is_not_there() -> None:
    kinds = {each["kind"] for each in rendered(MINIMAL)}
    assert kinds == {"Deployment", "Service", "CronJob", "NetworkPolicy", "PodDisruptionBudget"}
    bare = rendered(
        MINIMAL,
        *("--set", "serve.enabled=false,fit.enabled=false,networkPolicy.enabled=false"),
        *("--set", "podDisruptionBudget.enabled=false"),
    )
    assert [name_of(each) for each in bare] == ["ltv-worker"] * 2
