"""The lists of deploy/acl, read as the servers get them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

ACL = Path(__file__).parents[2] / "deploy" / "acl"

# Numbers of the Kafka protocol: AclOperation, ResourceType, PatternType.
_OPERATIONS = {
    "READ": 3,
    "WRITE": 4,
    "CREATE": 5,
    "DELETE": 6,
    "ALTER": 7,
    "DESCRIBE": 8,
    "DESCRIBE_CONFIGS": 10,
}
_RESOURCES = {"topic": 2, "group": 3}
_PATTERNS = {"literal": 3, "prefixed": 4}
_ALLOW = 3


@dataclass(frozen=True)
class Right:
    """One row of kafka.csv."""

    user: str
    resource: str
    name: str
    pattern: str
    operation: str

    def __str__(self) -> str:
        return f"{self.operation} {self.resource} {self.name}"


def kafka_rights() -> list[Right]:
    """Every row, in order."""
    with (ACL / "kafka.csv").open(newline="") as lines:
        return [
            Right(row["user"], row["resource"], row["name"], row["pattern"], row["operation"])
            for row in csv.DictReader(lines)
        ]


async def grant(brokers: str, rights: Iterable[Right]) -> None:
    """Give these rights, as whoever may do that on ``brokers``."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        for one in rights:
            # aiokafka has the request, and no method that sends it.
            answer = await admin._send_request(
                CreateAclsRequest(
                    _RESOURCES[one.resource],
                    one.name,
                    _PATTERNS[one.pattern],
                    f"User:{one.user}",
                    "*",
                    _OPERATIONS[one.operation],
                    _ALLOW,
                )
            )
            assert all(code == 0 for code, *_ in answer.creation_responses), (one, answer)
    finally:
        await admin.close()


def redis_file(passwords: Mapping[str, str]) -> str:
    """redis.acl with these passwords by user, as envsubst makes it."""
    text = (ACL / "redis.acl").read_text()
    for user, password in passwords.items():
        text = text.replace(f"${{{user.upper().replace('-', '_')}_PASSWORD}}", password)
    assert "$" not in text
    return text


def redis_users(text: str) -> dict[str, list[str]]:
    """Rules by user of such a file."""
    found = {}
    for line in text.splitlines():
        word, user, *rules = line.split()
        assert word == "user"
        found[user] = rules
    return found


def commands_of(rules: Iterable[str]) -> set[str]:
    """The commands that rules allow."""
    return {rule[1:] for rule in rules if re.fullmatch(r"\+[a-z|]+", rule)}
