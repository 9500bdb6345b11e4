"""Passwords of Kafka are rotated as deploy/runbook-procedures.md says, with Kafka's own tool."""

from __future__ import annotations

import asyncio
import os
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from stream_app.dev.ports import free_port
from tests.deploy.test_procedures import PAGE, clean, page_with, units
from tests.docs.page import Block, blocks
from tests.docs.story import story
from tests.security.desk import Desk
from tests.security.kafka_tools import kafka_tool
from tests.security.servers import Doors


@pytest.mark.timeout(300)
def test_a_password_is_rotated_from_one_mechanism_to_the_other(
    doors: Doors, desk: Desk, common: dict[str, str], tmp_path: Path
) -> None:
    assert asyncio.run(desk.ltv(common | doors.tls(), "topics")).code == 0
    (tmp_path / "bin").mkdir()
    configs = kafka_tool(tmp_path / "bin", "kafka-configs.sh", "kafka.admin.ConfigCommand")
    (tmp_path / "kafka-password").write_text(doors.passwords["ltv-worker"])
    given = common | doors.sasl("ltv-worker") | {"KAFKA_PASSWORD_FILE": "kafka-password"}
    del given["KAFKA_PASSWORD"]
    lines = [f"LTV_{name}={value}\n" for name, value in given.items()]
    (tmp_path / "ltv.env").write_text("".join(lines))
    environ = clean() | {"ADMIN_BROKERS": doors.direct}
    environ["PATH"] = f"{configs.parent}{os.pathsep}{environ['PATH']}"
    page = page_with({"8081": free_port()})
    first = Block("run: locked", "sh", first_start(page), 0)
    try:
        with units(tmp_path), story(environ, tmp_path, PAGE.name) as play:
            play(first, "")
            for block, after in pairwise([*blocks(page), Block("", "", "", 0)]):
                if block.how == "locked":
                    play(block, after.text if after.mark == "shows" else "")
        (log,) = tmp_path.glob("ltv-worker@*.log")
        desk.discreet(log.read_text())
        assert "second-password" not in log.read_text()
    finally:
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            config = f"{mechanism}=[password={doors.passwords['ltv-worker']}]"
            done = subprocess.run(
                [configs, "--bootstrap-server", doors.direct, "--alter", "--entity-type", "users",
                 "--entity-name", "ltv-worker", "--add-config", config],
                check=False, capture_output=True, text=True,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr


def first_start(page: str) -> str:
    """The unit that the page restarts, started."""
    (line, *_) = [line for line in page.splitlines() if line.startswith("systemctl restart")]
    return line.replace("restart", "start") + "\n"
