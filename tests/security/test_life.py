"""A whole life through every kind of locked door, with the rights of deploy/acl and no others.

Topics are made, events sent, folded, published, read by a storefront, served, and verified: each by
the user that deploy/acl has for it, Kafka by TLS with a certificate or a password, Redis by TLS
with a user of its own. The state goes on from door to door, so each door is also a restart.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from stream_app.reader import ScoreReader
from tests.rig.waiting import eventually
from tests.security.desk import Desk, environ
from tests.security.servers import Doors, Vault

Comes = Callable[[str], dict[str, str]]

DOORS = ("TLS", "certificate", "SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN")
CUSTOMERS = tuple(f"c-{number}" for number in range(1, 9))
TOKEN = "a-token-of-the-test-0123456789"


def comes(doors: Doors, door: str) -> Comes:
    """How a user comes in by a door, as settings."""
    if door == "TLS":
        return lambda user: doors.tls()
    if door == "certificate":
        return doors.mutual
    return lambda user: doors.sasl(user, door)


def events(directory: Path, door: str) -> Path:
    """A purchase and a signup of each customer, with identities of the door's own."""
    path = directory / "events.jsonl"
    lines = []
    for number, customer in enumerate(CUSTOMERS, 1):
        common = {"customer_id": customer, "occurred_at": f"2024-03-{number:02}T10:00:00Z"}
        order = {"order_id": f"{door}-{number}", "amount": f"{number}.25", "currency": "USD"}
        lines.append({"type": "purchase", "event_id": f"{door}-{number}", **common, **order})
        lines.append({"type": "signup", "event_id": f"{door}-{number}", **common})
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


@pytest.mark.parametrize("door", DOORS)
async def test_events_become_scores_that_verify(
    door: str, doors: Doors, vault: Vault, desk: Desk, common: dict[str, str]
) -> None:
    enter = comes(doors, door)
    async with vault.open():
        operator = common | enter("ltv-operator") | {"REDIS_URL": vault.url("ltv-operator")}
        worker = common | enter("ltv-worker") | {"REDIS_URL": vault.url("ltv-worker")}
        assert (await desk.ltv(operator, "topics")).code == 0
        before = await orders(vault)
        sent = await desk.ltv(
            common | enter("ltv-sender"), "send", str(events(desk.directory, door))
        )
        assert (sent.code, sent.out) == (0, "16 events read, 16 acknowledged.\n")

        running = desk.worker(worker)
        await running.wait_ready()

        async def published() -> bool:
            return await orders(vault) == before + len(CUSTOMERS)

        await eventually(published, lambda: f"the storefront sees it. {running.last_words}")
        verified = await desk.ltv(operator, "verify", "--json")
        assert verified.code == 0, verified
        assert json.loads(verified.out)["equal"] is True
        running.signal(signal.SIGTERM)
        assert await running.exited() == 0, running.last_words
        assert not [
            line
            for line in running.lines()
            if line.get("level") in ("warning", "error") and "stream_app" in line.get("logger", "")
        ]


async def orders(vault: Vault) -> int:
    """How many orders the storefront sees of everybody."""

    def read() -> int:
        with ScoreReader(vault.url("ltv-reader"), timeout_seconds=5.0) as reader:
            found = reader.customers(list(CUSTOMERS))
        return sum(one.orders or 0 for one in found if one is not None)

    return await asyncio.to_thread(read)


async def test_the_server_answers_with_a_right_to_read_and_nothing_else(
    vault: Vault, desk: Desk, common: dict[str, str], doors: Doors
) -> None:
    async with vault.open():
        await published_once(doors, vault, desk, common)
        given = common | {
            "REDIS_URL": vault.url("ltv-serve"),
            "SERVE_TOKEN": TOKEN,
            "HTTP_PORT": "0",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stream_app", "serve", env=environ(given),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            async with asyncio.timeout(60):
                url = (await process.stdout.readline()).decode().strip()
            bearer = {"Authorization": f"Bearer {TOKEN}"}
            async with aiohttp.ClientSession(url, headers=bearer) as session:
                for path in (
                    "/readyz", "/v1/customers/c-1", "/v1/cohorts", "/v1/segments", "/v1/status",
                    "/", "/report", "/customers/c-1",
                ):  # fmt: skip
                    async with session.get(path) as answer:
                        assert answer.status == 200, (path, await answer.text())
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        _, err = await process.communicate()
        assert process.returncode == 0
        desk.discreet(err.decode())
        assert TOKEN not in err.decode()


async def published_once(doors: Doors, vault: Vault, desk: Desk, common: dict[str, str]) -> None:
    """Whatever ran before: topics and one customer's score are there."""
    here = common | doors.tls() | {"REDIS_URL": vault.url("ltv-worker")}
    assert (await desk.ltv(here, "topics")).code == 0
    assert (await desk.ltv(here, "send", str(events(desk.directory, "once")))).code == 0
    worker = desk.worker(here | {"COHORT_SECONDS": "0.1", "SURVEY_SECONDS": "0.1"})
    await worker.wait_ready()

    def there() -> bool:
        with vault.client() as client:
            names = {"ltv:{c-1}", "ltv:cohorts:1", "ltv:segments:1", "ltv:status:1", "ltv:ranks:1"}
            return bool(client.exists(*names) == len(names))

    await eventually(there, lambda: f"all is published. {worker.last_words}")
    worker.signal(signal.SIGTERM)
    assert await worker.exited() == 0


@pytest.mark.parametrize("user", ["ltv-reader", "ltv-serve"])
def test_who_may_only_read_can_not_write(user: str, vault: Vault) -> None:
    with Redis(port=vault.valkey.port, username=user, password=vault.passwords[user]) as client:
        client.hgetall("ltv:{c-1}")
        for command in (
            ("HSET", "ltv:{c-1}", "tier", "active"),
            ("DEL", "ltv:{c-1}"),
            ("EVAL", "return redis.call('HSET', KEYS[1], 'a', 'b')", "1", "ltv:{c-1}"),
            ("HGETALL", "somebody-elses"),
            ("FLUSHALL",),
            ("KEYS", "*"),
        ):
            with pytest.raises(NoPermissionError):
                client.execute_command(*command)


@pytest.mark.parametrize("user", ["ltv-worker", "ltv-operator"])
def test_who_may_write_can_write_nothing_but_ours(user: str, vault: Vault) -> None:
    with Redis(port=vault.valkey.port, username=user, password=vault.passwords[user]) as client:
        for command in (
            ("HSET", "somebody-elses", "a", "b"),
            ("FLUSHALL",),
            ("KEYS", "*"),
            ("CONFIG", "SET", "maxmemory", "1"),
        ):
            with pytest.raises(NoPermissionError):
                client.execute_command(*command)
