"""deploy/acl/kafka-acls.sh: what it gives to Kafka's own tool, and what that tool makes of it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.tooling import answer, kafka_tools
from tests.security.kafka_tools import kafka_tool
from tests.security.rights import ACL, Right, kafka_rights
from tests.security.servers import Doors

SCRIPT = ACL / "kafka-acls.sh"
HEAD = "user,resource,name,pattern,operation,for\n"


def kinds() -> list[Right]:
    """The fewest rows of the list that have every operation, resource and pattern in it."""
    found: list[Right] = []
    seen: set[str] = set()
    for one in kafka_rights():
        words = {one.operation, one.resource, one.pattern}
        if words - seen:
            found.append(one)
            seen |= words
    return found


def test_the_script_gives_each_row_to_kafkas_own_tool() -> None:
    said = answer(SCRIPT, KAFKA_ACLS="echo")
    assert said.splitlines() == [
        f"--add --force --allow-principal User:{one.user}"
        f" --operation {one.operation.replace('_', ' ').title().replace(' ', '')}"
        f" --{one.resource} {one.name} --resource-pattern-type {one.pattern}"
        for one in kafka_rights()
    ]


def test_an_operation_that_it_does_not_know_ends_it(tmp_path: Path) -> None:
    table = tmp_path / "kafka.csv"
    table.write_text(f"{HEAD}a,topic,t,literal,REED,\nb,topic,t,literal,READ,\n")
    done = subprocess.run(
        [SCRIPT, table], env={**os.environ, "KAFKA_ACLS": "echo"}, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert not done.stdout
    assert "no operation of Kafka: REED" in done.stderr


@pytest.mark.timeout(300)
def test_kafkas_own_tool_grants_every_kind_of_row_and_takes_it_away_again(
    doors: Doors, tmp_path: Path
) -> None:
    """Each row is a start of Java, so there are as few as have every kind, of a user of its own."""
    tool = kafka_tool(tmp_path, "acls", "org.apache.kafka.tools.AclCommand", kafka_tools())
    rows = kinds()
    assert {one.operation for one in rows} == {one.operation for one in kafka_rights()}
    lines = [
        f"by-script,{one.resource},{one.name},{one.pattern},{one.operation},\n" for one in rows
    ]
    table = tmp_path / "kafka.csv"
    table.write_text(HEAD + "".join(lines))
    command = f"{tool} --bootstrap-server {doors.direct}"
    answer(SCRIPT, table, KAFKA_ACLS=command)
    operations = [one.operation for one in rows]
    assert granted(command) == sorted(operations)
    table.write_text(HEAD + lines[-1])
    answer(SCRIPT, table, KAFKA_ACLS=command, ACTION="--remove")
    assert granted(command) == sorted(operations[:-1])


def granted(command: str) -> list[str]:
    """The operations that the broker says the user may do."""
    said = answer(*command.split(), "--list", "--principal", "User:by-script")
    return sorted(re.findall(r"operation=(\w+)", said))
