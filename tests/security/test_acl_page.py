"""deploy/acl/README.md and the procedures say of rights what the lists grant."""

from __future__ import annotations

import re
import shlex

from tests.security.rights import ACL, commands_of, kafka_rights, redis_users

PAGE = (ACL / "README.md").read_text()
PROCEDURES = (ACL.parent / "runbook-procedures.md").read_text()
REDIS = redis_users((ACL / "redis.acl").read_text())
NUMBERS = {"eight": 8, "nine": 9, "ten": 10, "eleven": 11}


def rows() -> dict[str, tuple[str, str, str]]:
    """By user: what it is, and what it may in Kafka and in Redis."""
    found = re.findall(r"^\| `(ltv-\w+)` \| (.*) \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)
    return {user: (who, kafka, store) for user, who, kafka, store in found}


def test_it_names_every_user_of_both_lists_and_no_other() -> None:
    users = {one.user for one in kafka_rights()}
    assert set(rows()) == users | set(REDIS) - {"default"}
    for user, (_, kafka, store) in rows().items():
        assert (kafka == "none") == (user not in users), user
        assert (store == "none") == (user not in REDIS), user


def test_it_counts_the_commands_of_a_worker() -> None:
    (word,) = re.findall(r"the (\w+) commands that it uses", rows()["ltv-worker"][2])
    assert NUMBERS[word] == len(commands_of(REDIS["ltv-worker"]))


def test_who_only_reads_may_write_nowhere() -> None:
    """Of whom the page says no word of writing."""
    for user, (_, kafka, store) in rows().items():
        operations = {one.operation for one in kafka_rights() if one.user == user}
        assert ("writes" in kafka) == ("WRITE" in operations), user
        keys = [rule for rule in REDIS.get(user, ()) if "~" in rule]
        if "reads" in store and "writes" not in store:
            assert keys
            assert all(rule.startswith("%R~") for rule in keys), user


def test_the_page_says_whom_the_first_line_keeps_out() -> None:
    assert next(iter(REDIS)) == "default"
    assert REDIS["default"] == ["off"]
    told = re.findall(r"`user (\w+) on >\.\.\. ~\* &\* \+@all`", PAGE)
    assert told == ["admin", "default"], "lines for whoever had the password of requirepass"


def test_the_rotation_makes_the_worker_with_the_rights_of_the_file() -> None:
    (made,) = re.findall(r"ACL SETUSER ltv-worker (reset .*?\n.*?)\n", PROCEDURES)
    rules = shlex.split(made.replace("\\\n", " "))
    own = [rule for rule in REDIS["ltv-worker"] if not rule.startswith(">")]
    assert [rule for rule in rules if not rule.startswith(">")] == own
