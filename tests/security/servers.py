"""A Kafka with a locked door of every kind, and a Valkey behind TLS."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from redis import Redis

from stream_app.dev.kafka import Kafka
from stream_app.dev.ports import HOST, free_port
from stream_app.dev.valkey import Valkey
from tests.rig.proxy import BytesProxy
from tests.rig.servers import Broker
from tests.security.certificates import Authority
from tests.security.rights import commands_of, redis_file, redis_users

KAFKA_USERS = ("ltv-worker", "ltv-sender", "ltv-fit", "ltv-operator", "ltv-nobody")
REDIS_USERS = ("ltv-worker", "ltv-reader", "ltv-serve", "ltv-operator")


class Doors(Broker):
    """The broker of these tests: whoever comes without a name may do everything (the test itself);
    a user may do what it was granted, and nothing by default.

    Listeners: ``TLS`` encrypts and asks for nothing, ``MUTUAL`` wants a certificate whose common
    name is the user, ``SECURE`` wants a password inside TLS, ``OPEN`` the same without TLS, and
    ``STALE`` shows a certificate that has expired.
    """

    def __init__(self, directory: Path) -> None:
        """Choose ports, passwords and certificates; nothing runs yet."""
        self.authority = Authority(directory, "authority")
        self.stranger = Authority(directory, "stranger")
        self.passwords = {name: f"kafka-{secrets.token_hex(8)}" for name in KAFKA_USERS}
        broker, stale = self.authority.issue("kafka"), self.authority.issue("kafka", expired=True)
        plain = " ".join(f'user_{name}="{word}"' for name, word in self.passwords.items())
        modules = "org.apache.kafka.common.security"
        properties = {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
            "group.min.session.timeout.ms": "1000",
            "listener.name.mutual.ssl.client.auth": "required",
        }
        for listener in ("tls", "mutual", "secure", "stale"):
            shown = stale if listener == "stale" else broker
            properties |= {
                f"listener.name.{listener}.ssl.keystore.type": "PEM",
                f"listener.name.{listener}.ssl.keystore.location": str(shown.both),
                f"listener.name.{listener}.ssl.truststore.type": "PEM",
                f"listener.name.{listener}.ssl.truststore.location": str(self.authority.file),
            }
        for listener in ("secure", "open"):
            of = f"listener.name.{listener}"
            scram = f"{modules}.scram.ScramLoginModule required;"
            known = f"{modules}.plain.PlainLoginModule required {plain};"
            properties |= {
                f"{of}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
                f"{of}.plain.sasl.jaas.config": known,
                f"{of}.scram-sha-256.sasl.jaas.config": scram,
                f"{of}.scram-sha-512.sasl.jaas.config": scram,
            }
        self.kafka = Kafka(
            directory / "kafka",
            listeners={
                "TLS": "SSL",
                "MUTUAL": "SSL",
                "SECURE": "SASL_SSL",
                "OPEN": "SASL_PLAINTEXT",
                "STALE": "SSL",
            },
            properties=properties,
            users=self.passwords,
        )

    def tls(self, listener: str = "TLS") -> dict[str, str]:
        """Settings of who comes through TLS and nothing else."""
        return {
            "BROKERS": self.kafka.address(listener),
            "KAFKA_SECURITY": "SSL",
            "KAFKA_CA_FILE": str(self.authority.file),
        }

    def mutual(self, user: str) -> dict[str, str]:
        """Settings of who shows a certificate."""
        shown = self.authority.issue(user)
        files = {"KAFKA_CERT_FILE": str(shown.chain), "KAFKA_KEY_FILE": str(shown.key)}
        return self.tls("MUTUAL") | files

    def sasl(self, user: str, mechanism: str = "SCRAM-SHA-512") -> dict[str, str]:
        """Settings of who has a password."""
        return self.tls("SECURE") | {
            "KAFKA_SECURITY": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": mechanism,
            "KAFKA_USER": user,
            "KAFKA_PASSWORD": self.passwords[user],
        }


class TlsProxy(BytesProxy):
    """Speaks TLS to its clients and plain to the server behind: the packaged Valkey was built
    without TLS."""

    def __init__(self, upstream: str, authority: Authority, *, expired: bool = False) -> None:
        shown = authority.issue("valkey", expired=expired)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(shown.chain, shown.key)
        super().__init__(free_port(), upstream, tls=context)


class Guarded(Valkey):
    """A Valkey whose users are those of a file, and nobody else."""

    def __init__(
        self,
        directory: Path,
        users: str,
        user: str,
        password: str,
        *,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """`users` is the file; `user` is who `url` comes as."""
        file = {"aclfile": str(directory / "users.acl")}
        super().__init__(directory, options=file | dict(options or {}))
        directory.mkdir()
        (directory / "users.acl").write_text(users)
        self._who = f"{user}:{password}"

    @property
    def url(self) -> str:
        """For who may do everything."""
        return f"redis://{self._who}@{HOST}:{self.port}/0"


class Vault:
    """A Valkey with the file of deploy/acl, and an administrator's line as its page tells to write,
    behind TLS while `open` lasts."""

    def __init__(self, directory: Path, authority: Authority) -> None:
        self.authority = authority
        self.passwords = {name: f"redis-{secrets.token_hex(8)}" for name in REDIS_USERS}
        self.master = f"redis-{secrets.token_hex(8)}"
        users = redis_file(self.passwords)
        self.rules = redis_users(users)
        users += f"user admin on >{self.master} ~* &* +@all\n"
        self.valkey = Guarded(directory / "valkey", users, "admin", self.master)
        self._port = 0

    def client(self) -> Redis:
        """Who may do everything."""
        return Redis.from_url(self.valkey.url, decode_responses=True)

    @asynccontextmanager
    async def open(self, *, expired: bool = False) -> AsyncIterator[None]:
        """TLS inside."""
        proxy = TlsProxy(f"{HOST}:{self.valkey.port}", self.authority, expired=expired)
        await proxy.start()
        self._port = proxy.port
        try:
            yield
        finally:
            await proxy.stop()

    def url(self, user: str, *, password: str = "", authority: Authority | None = None) -> str:
        """LTV_REDIS_URL of a user, through TLS."""
        known = (authority or self.authority).file
        word = password or self.passwords[user]
        return f"rediss://{user}:{word}@{HOST}:{self._port}/0?ssl_ca_certs={known}"

    def granted(self, user: str) -> set[str]:
        """The commands a user may give."""
        return commands_of(self.rules[user])

    def used(self) -> set[str]:
        """The commands carried out since `watch`, in scripts too; not those of looking here."""
        with self.client() as client:
            found: dict[str, dict[str, int]] = client.info("commandstats")
        done = {name.removeprefix("cmdstat_") for name, each in found.items() if each["calls"]}
        return done - {"auth", "hello", "client|setinfo", "config|resetstat"}

    def watch(self) -> None:
        """Count commands from here on."""
        with self.client() as client:
            client.config_resetstat()
