"""deploy/acl/redis.acl as an aclfile of a real server: who comes in, and who doesn't."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError

from stream_app.dev.ports import HOST
from tests.security.rights import redis_file
from tests.security.servers import REDIS_USERS, Guarded

pytestmark = pytest.mark.stack

PASSWORDS = {name: f"the-password-of-{name}" for name in REDIS_USERS}
ALLOWED = {
    "ltv-worker": ("INFO",),
    "ltv-reader": ("HGETALL", "ltv:{c-1}"),
    "ltv-serve": ("PING",),
    "ltv-operator": ("SCAN", "0"),
}
"""A command that each may give."""


def who_comes(port: int, user: str | None = None, password: str | None = None) -> Redis:
    """A client of this name; without one, whoever finds the port."""
    return Redis(host=HOST, port=port, username=user, password=password)


def test_every_user_comes_in_and_nobody_without_a_name(tmp_path: Path) -> None:
    with Guarded(tmp_path / "valkey", redis_file(PASSWORDS), "nobody", "needed") as server:
        for user, command in ALLOWED.items():
            with who_comes(server.port, user, PASSWORDS[user]) as client:
                client.execute_command(*command)
                with pytest.raises(NoPermissionError):
                    client.execute_command("FLUSHALL")
            with (
                who_comes(server.port, user, "a guess") as client,
                pytest.raises(AuthenticationError),
            ):
                client.execute_command(*command)
        with who_comes(server.port) as client:
            for words in (("HGETALL", "ltv:{c-1}"), ("PING",), ("ACL", "LIST")):
                with pytest.raises(AuthenticationError):
                    client.execute_command(*words)


def test_a_file_that_does_not_name_the_default_user_would_let_everybody_in(tmp_path: Path) -> None:
    """Why the first line stands in it, and a requirepass beside it is no help."""
    first, _, rest = redis_file(PASSWORDS).partition("\n")
    assert first == "user default off"
    server = Guarded(
        tmp_path / "valkey", rest, "nobody", "needed", options={"requirepass": "once-enough"}
    )
    with server, who_comes(server.port) as client:
        assert client.execute_command("FLUSHALL")
