"""The compose file: what compose says, and whether it fits the program and its neighbours."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stream_app.worker.life import STOP_SECONDS
from tests.deploy.facts import SERVE_PORT, WORKER_PORT, accepted, read, understands
from tests.deploy.tooling import DEPLOY, ROOT, answer, outcome, tool
from tests.docs.page import README

FILE = DEPLOY / "compose.yaml"
SECRETS = {"LTV_SERVE_TOKEN": "0123456789abcdef", "GRAFANA_PASSWORD": "secret"}
OURS = ("worker", "topics", "serve", "fit", "history", "shoppers")
ONCE = ("topics", "history")
"""Those that end by themselves."""


@cache
def project() -> dict[str, Any]:
    """The file as compose understands it, with the profile demo."""
    said = answer(
        *(tool("docker-compose"), "--file", FILE, "--profile", "demo"),
        *("config", "--format", "json"),
        **SECRETS,
    )
    found: dict[str, Any] = json.loads(said)
    return found


def services() -> dict[str, Any]:
    """Every service."""
    found: dict[str, Any] = project()["services"]
    return found


def test_compose_has_nothing_to_complain_about() -> None:
    said = answer(tool("docker-compose"), "--file", FILE, "config", "--quiet", **SECRETS)
    assert not said


@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_without_a_secret_nothing_starts(missing: str) -> None:
    given = {**SECRETS, missing: ""}
    code, said = outcome(tool("docker-compose"), "--file", FILE, "config", "--quiet", **given)
    assert code != 0
    assert missing in said


def test_what_is_asked_for_is_there() -> None:
    others = {"kafka", "valkey", "prometheus", "grafana"}
    assert set(services()) == {*OURS, *others}
    demo = {name for name, one in services().items() if one.get("profiles")}
    assert demo == {"history", "shoppers"}


@pytest.mark.parametrize("name", OURS)
def test_every_process_is_a_command_with_settings_it_accepts(name: str) -> None:
    service = services()[name]
    understands(service["command"])
    settings = accepted(service["environment"])
    assert settings.brokers == "kafka:19092"
    assert settings.redis_url == "redis://valkey:6379/0"
    assert bool(settings.serve_token) == (name == "serve")
    assert service["image"] == "ltv-live"
    assert service["build"]["context"] == str(ROOT)
    assert (ROOT / service["build"]["dockerfile"]).is_file()


def test_the_addresses_are_those_that_kafka_gives_out() -> None:
    told = services()["kafka"]["environment"]
    inside, host = told["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert inside == "INSIDE://kafka:19092"
    assert host == "HOST://localhost:9092"
    listening = {one.partition("://")[0] for one in told["KAFKA_LISTENERS"].split(",")}
    protocols = dict(
        one.split(":") for one in told["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    )
    assert listening == set(protocols)
    assert told["KAFKA_INTER_BROKER_LISTENER_NAME"] in listening
    assert told["KAFKA_LOG_DIRS"] == services()["kafka"]["volumes"][0]["target"]


def test_nothing_listens_beyond_this_machine() -> None:
    published = [
        (port["host_ip"], int(port["published"]), port["target"])
        for one in services().values()
        for port in one.get("ports", [])
    ]
    assert {host for host, _, _ in published} == {"127.0.0.1"}
    assert {(outside, inside) for _, outside, inside in published} == {
        (port, port) for port in (9092, 6379, SERVE_PORT, 9090, 3000)
    }


@pytest.mark.parametrize("name", sorted([*OURS, "kafka", "valkey", "prometheus", "grafana"]))
def test_every_service_is_bounded_and_hardened(name: str) -> None:
    service = services()[name]
    assert int(service["mem_limit"]) >= 128 << 20
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == ("on-failure:5" if name in ONCE else "unless-stopped")
    assert service["logging"]["options"]["max-file"]
    written_at_start = name in {"kafka", "prometheus"}  # why stands in the file
    assert service.get("read_only", False) != written_at_start
    if name in OURS:
        assert service["tmpfs"] == ["/tmp:size=256m,mode=1777"]
    if ":" in service["image"]:
        assert not service["image"].endswith(":latest")
    else:
        assert service["build"]


def test_prometheus_is_not_read_only_for_a_secret_that_comes_from_a_variable() -> None:
    """Compose refuses such a secret in a read-only service; everybody else has none."""
    having = {name for name, one in services().items() if one.get("secrets")}
    assert having == {"prometheus"}


def test_each_waits_for_what_it_needs() -> None:
    waits = {
        name: {other: how["condition"] for other, how in one.get("depends_on", {}).items()}
        for name, one in services().items()
    }
    done, healthy = "service_completed_successfully", "service_healthy"
    assert waits["topics"] == {"kafka": healthy}
    assert waits["worker"] == {"topics": done, "valkey": healthy}
    assert waits["serve"] == {"valkey": healthy}
    assert waits["shoppers"] == {"history": done}
    assert waits["fit"] == {"worker": healthy, "history": done}
    for name, needed in waits.items():
        for other, condition in needed.items():
            # Workers and the server bring their check along, in the image.
            checked = "healthcheck" in services()[other] or other in {"worker", "serve"}
            assert checked if condition == healthy else other in ONCE, (name, other)


def test_a_worker_is_given_the_time_to_hand_over() -> None:
    worker = services()["worker"]
    assert worker["stop_grace_period"] == "30s"
    assert STOP_SECONDS + 10 <= 30
    # With an init, a signal reaches also a process that has not got so far as to handle it.
    assert worker["init"] is True


def test_there_are_two_workers_and_partitions_for_more() -> None:
    settings = {accepted(services()[name]["environment"]).partitions for name in OURS}
    assert services()["worker"]["scale"] == 2 < settings.pop()
    assert not settings, "one count for all"


def test_redis_evicts_nothing_and_remembers() -> None:
    words = services()["valkey"]["command"]
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--appendonly"] == "yes"
    assert int(options["--maxmemory"].removesuffix("mb")) << 20 < int(
        services()["valkey"]["mem_limit"]
    )


def test_prometheus_is_told_where_the_processes_listen() -> None:
    config = read(DEPLOY / "prometheus" / "prometheus.yml")
    worker, serve = config["scrape_configs"]
    # As compose names containers, by which its name server knows them.
    numbers = range(1, services()["worker"]["scale"] + 1)
    named = [f"{project()['name']}-worker-{number}:{WORKER_PORT}" for number in numbers]
    assert worker["static_configs"] == [{"targets": named}]
    assert "container_name" not in services()["worker"]
    assert serve["static_configs"] == [{"targets": [f"serve:{SERVE_PORT}"]}]
    assert accepted(services()["worker"]["environment"]).http_port == WORKER_PORT
    assert accepted(services()["serve"]["environment"]).http_port == SERVE_PORT
    (secret,) = services()["prometheus"]["secrets"]
    assert serve["authorization"]["credentials_file"] == f"/run/secrets/{secret['source']}"


def test_what_is_mounted_stands_in_deploy() -> None:
    mounted = [
        (name, Path(each["source"]), each["target"])
        for name, one in services().items()
        for each in one.get("volumes", [])
        if each["type"] == "bind"
    ]
    assert {name for name, _, _ in mounted} == {"prometheus", "grafana"}
    for _, source, _ in mounted:
        assert source.is_relative_to(DEPLOY)
        assert source.is_dir(), source
    targets = {target: source for _, source, target in mounted}
    command = services()["prometheus"]["command"]
    (config,) = (word.partition("=")[2] for word in command if "config.file" in word)
    assert (targets["/etc/prometheus"] / Path(config).name).is_file()
    provided = (targets["/etc/grafana/provisioning"] / "dashboards").glob("*.y*ml")
    for path in provided:
        for folder in re.findall(r"path: (\S+)", path.read_text()):
            assert targets[folder].is_dir()


def test_it_is_started_by_one_command_with_shoppers_or_by_another_without() -> None:
    """One after the other, the fit would have been made before there is anybody to fit to."""
    told = re.findall(r"^#   (docker compose .*)$", FILE.read_text(), re.MULTILINE)
    assert [line in README.read_text() for line in told] == [True, True]
    assert all(line.endswith("up --build --detach") for line in told)
    assert ["--profile demo" in line for line in told] == [False, True]


def test_what_alerts_take_to_wake_somebody_is_what_prometheus_understands(tmp_path: Path) -> None:
    """The line that waits to be taken in."""
    config = DEPLOY / "prometheus" / "prometheus.yml"
    text, taken = re.subn(r"^#(alerting: )", r"\1", config.read_text(), flags=re.MULTILINE)
    assert taken == 1
    (tmp_path / config.name).write_text(text)
    answer(
        tool("promtool", package="prometheus"),
        "check",
        "config",
        "--syntax-only",
        tmp_path / config.name,
    )


def test_the_demo_sends_the_same_history_whenever_it_runs() -> None:
    words = services()["history"]["command"]
    assert "--until" in words, "without it another day's history would be another one"
    live = services()["shoppers"]["command"]
    assert words[words.index("--simulate") + 1] == live[live.index("--simulate") + 1]
