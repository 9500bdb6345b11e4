"""Who comes with the wrong key is told so in one sentence, with the exit code that fits, and no
secret is said.

78 where somebody here has to change something first; 1 where the other side has to, and a
supervisor may go on trying.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import pytest

from stream_app.errors import ScoreUnavailable
from stream_app.reader import ScoreReader
from tests.rig.waiting import eventually
from tests.security.desk import Desk
from tests.security.servers import Doors, Vault

Settings = dict[str, str]
WRONG = "not-the-password-0123456789"

KAFKA: dict[str, tuple[Callable[[Doors], Settings], int, str]] = {
    "wrong password, SCRAM": (
        lambda doors: doors.sasl("ltv-worker") | {"KAFKA_PASSWORD": WRONG},
        78,
        "refuses LTV_KAFKA_USER 'ltv-worker' or its password (SCRAM-SHA-512)",
    ),
    "wrong password, PLAIN": (
        lambda doors: doors.sasl("ltv-worker", "PLAIN") | {"KAFKA_PASSWORD": WRONG},
        78,
        "refuses LTV_KAFKA_USER 'ltv-worker' or its password (PLAIN)",
    ),
    "unknown user": (
        lambda doors: doors.sasl("ltv-worker") | {"KAFKA_USER": "ltv-stranger"},
        78,
        "refuses LTV_KAFKA_USER 'ltv-stranger' or its password",
    ),
    "wrong authority": (
        lambda doors: doors.tls() | {"KAFKA_CA_FILE": str(doors.stranger.file)},
        78,
        "is not signed by an authority that we trust",
    ),
    "the system's authorities": (
        lambda doors: doors.tls() | {"KAFKA_CA_FILE": ""},
        78,
        "LTV_KAFKA_CA_FILE names the PEM of its authority",
    ),
    "expired certificate": (
        lambda doors: doors.tls("STALE"),
        1,
        "is not valid now (certificate has expired): renew it there",
    ),
    "another name": (
        lambda doors: (
            doors.tls() | {"BROKERS": doors.kafka.address("TLS").replace("127.0.0.1", "localhost")}
        ),
        78,
        "is for another name",
    ),
    "no certificate": (
        lambda doors: doors.tls("MUTUAL"),
        78,
        "wants a certificate of ours, and LTV_KAFKA_CERT_FILE shows none",
    ),
    "a stranger's certificate": (
        lambda doors: (
            doors.tls("MUTUAL")
            | {
                "KAFKA_CERT_FILE": str(doors.stranger.issue("ltv-worker").chain),
                "KAFKA_KEY_FILE": str(doors.stranger.issue("ltv-worker").key),
            }
        ),
        78,
        "wants a certificate of ours, and LTV_KAFKA_CERT_FILE is not accepted",
    ),
    "an expired certificate of ours": (
        lambda doors: (
            doors.tls("MUTUAL")
            | {
                "KAFKA_CERT_FILE": str(doors.authority.issue("ltv-worker", expired=True).chain),
                "KAFKA_KEY_FILE": str(doors.authority.issue("ltv-worker", expired=True).key),
            }
        ),
        78,
        "wants a certificate of ours, and LTV_KAFKA_CERT_FILE is not accepted",
    ),
    "plain to TLS": (
        lambda doors: {"BROKERS": doors.kafka.address("TLS")},
        78,
        "speaks TLS, but LTV_KAFKA_SECURITY is PLAINTEXT; set SSL or SASL_SSL",
    ),
    "a plain password to TLS": (
        lambda doors: (
            doors.sasl("ltv-worker") | {"KAFKA_SECURITY": "SASL_PLAINTEXT", "KAFKA_CA_FILE": ""}
        ),
        78,
        "speaks TLS, but LTV_KAFKA_SECURITY is SASL_PLAINTEXT",
    ),
    "TLS to plain": (
        lambda doors: doors.tls() | {"BROKERS": doors.direct},
        78,
        "does not speak TLS there, but LTV_KAFKA_SECURITY is SSL",
    ),
    "a password where none is asked for": (
        lambda doors: doors.sasl("ltv-worker") | {"BROKERS": doors.kafka.address("TLS")},
        78,
        "asks for no user or password there",
    ),
    "no password where one is asked for": (
        lambda doors: {"BROKERS": doors.kafka.address("OPEN")},
        1,
        "hangs up; a broker that asks for a user and password does, too",
    ),
}


@pytest.mark.parametrize("case", KAFKA)
async def test_kafka_refuses_in_one_sentence(
    case: str, doors: Doors, desk: Desk, common: Settings
) -> None:
    made, code, words = KAFKA[case]
    said = await desk.ltv(common | made(doors), "topics", "--check")
    assert said.code == code, said
    assert words in said.err, said
    assert said.err.startswith("ltv: "), said
    assert said.err.count("\n") == 1, said
    assert WRONG not in said.err + said.out
    assert said.out == ""


async def test_a_worker_with_the_wrong_password_ends_at_once_with_78(
    doors: Doors, desk: Desk, common: Settings
) -> None:
    made, code, words = KAFKA["wrong password, SCRAM"]
    worker = desk.worker(common | made(doors))
    assert await worker.exited() == code
    assert words in worker.text
    assert WRONG not in worker.text
    assert "Traceback" not in worker.text


REDIS: dict[str, tuple[Callable[[Vault, Doors], str], int, str]] = {
    "wrong password": (
        lambda vault, doors: vault.url("ltv-operator", password=WRONG),
        78,
        "Redis refuses the user or password of LTV_REDIS_URL",
    ),
    "wrong authority": (
        lambda vault, doors: vault.url("ltv-operator", authority=doors.stranger),
        78,
        "Redis's certificate is not accepted",
    ),
    "no right": (
        lambda vault, doors: vault.url("ltv-reader"),
        78,
        "this Redis user may not do what is needed",
    ),
    "plain to TLS": (
        lambda vault, doors: vault.url("ltv-operator").replace("rediss", "redis").partition("?")[0],
        1,
        "Redis does not answer",
    ),
}


@pytest.mark.parametrize("case", REDIS)
async def test_redis_refuses_in_one_sentence(
    case: str, doors: Doors, vault: Vault, desk: Desk, common: Settings
) -> None:
    made, code, words = REDIS[case]
    async with vault.open():
        given = common | doors.tls() | {"REDIS_URL": made(vault, doors)}
        said = await desk.ltv(given, "builds")
    assert said.code == code, said
    assert words in said.err, said
    assert said.err.count("\n") == 1, said
    assert WRONG not in said.err + said.out


async def test_an_expired_certificate_of_redis_is_a_fault_that_may_pass(
    vault: Vault, desk: Desk, common: Settings
) -> None:
    async with vault.open(expired=True):
        said = await desk.ltv(common | {"REDIS_URL": vault.url("ltv-serve")}, "show", "c-1")
        assert said.code == 1, said
        assert "certificate has expired" in said.err
        assert "renew it" in said.err
        with (
            ScoreReader(vault.url("ltv-reader"), timeout_seconds=5.0) as reader,
            pytest.raises(ScoreUnavailable, match="certificate has expired") as refused,
        ):
            await asyncio.to_thread(reader.customer, "c-1")
        desk.discreet(str(refused.value))


async def test_a_worker_whose_redis_refuses_it_says_so_and_goes_on(
    doors: Doors, vault: Vault, desk: Desk, common: Settings
) -> None:
    """Redis may be given the right password while it runs; folding does not wait for that."""
    async with vault.open():
        given = common | doors.tls() | {"REDIS_URL": vault.url("ltv-worker", password=WRONG)}
        assert (await desk.ltv(given, "topics")).code == 0
        worker = desk.worker(given)
        await worker.wait_ready()
        words = "Redis refuses the user or password of LTV_REDIS_URL"
        await eventually(lambda: worker.said(words), lambda: f"it says so. {worker.last_words}")
        with vault.client() as client:
            client.execute_command("ACL", "SETUSER", "ltv-worker", f">{WRONG}")
        try:
            await eventually(lambda: worker.said("redis is back"), "it is let in")
        finally:
            with vault.client() as client:
                client.execute_command("ACL", "SETUSER", "ltv-worker", f"<{WRONG}")
        worker.signal(signal.SIGTERM)
        assert await worker.exited() == 0
    assert WRONG not in worker.text
