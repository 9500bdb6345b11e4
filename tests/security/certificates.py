"""Authorities and certificates, made anew for every run: nothing secret lies in the repository."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from stream_app.dev.ports import HOST


@dataclass(frozen=True)
class Certificate:
    """PEM files of one certificate."""

    chain: Path
    key: Path
    both: Path
    """Key and chain in one file, as Kafka's PEM key stores want it."""


class Authority:
    """Signs certificates; whoever trusts `file` trusts them."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory / name
        self._directory.mkdir(parents=True)
        self._authority = trustme.CA()
        self.file = self._directory / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def issue(self, name: str, *, expired: bool = False, host: str = HOST) -> Certificate:
        """A certificate with ``name`` as its common name, valid for ``host``."""
        yesterday = datetime.now(UTC) - timedelta(days=1)
        leaf = self._authority.issue_cert(
            host,
            common_name=name,
            not_before=yesterday - timedelta(days=1),
            not_after=yesterday if expired else None,
        )
        found = load_pem_private_key(leaf.private_key_pem.bytes(), password=None)
        key = found.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        chain = b"".join(one.bytes() for one in leaf.cert_chain_pems)
        stem = f"{name}{'-expired' if expired else ''}"
        made = Certificate(
            *(self._directory / f"{stem}.{kind}.pem" for kind in ("chain", "key", "both"))
        )
        made.chain.write_bytes(chain)
        made.key.write_bytes(key)
        made.both.write_bytes(key + chain)
        return made
