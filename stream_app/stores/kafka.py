"""Clients of the brokers: options from settings, and readers that belong to no group."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from stream_app.errors import ConfigurationError
from stream_app.settings import Settings
from stream_app.stores import light_records  # noqa: F401 -- imported for what it does
from stream_app.stores.kafka_trouble import why_unreachable

FETCH_BYTES = 4 << 20
"""Bytes asked of one partition in one fetch: some 20,000 typical records."""


def client_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments that every aiokafka client of ours takes: servers, TLS and SASL."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.brokers.split(","),
        "request_timeout_ms": int(settings.request_seconds * 1000),
        "security_protocol": settings.kafka_security,
    }
    if settings.kafka_security in ("SSL", "SASL_SSL"):
        options["ssl_context"] = tls_context(settings)
    if settings.kafka_security.startswith("SASL"):
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_user
        options["sasl_plain_password"] = settings.kafka_password
    return options


def tls_context(settings: Settings) -> ssl.SSLContext:
    """The TLS context for the brokers; the system's authorities unless a file is given."""
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ca_file or None)
        if settings.kafka_cert_file:
            context.load_cert_chain(settings.kafka_cert_file, settings.kafka_key_file or None)
    except OSError as error:
        raise ConfigurationError(
            f"the TLS files of LTV_KAFKA_CA_FILE, LTV_KAFKA_CERT_FILE or LTV_KAFKA_KEY_FILE "
            f"can't be used: {error}"
        ) from error
    return context


def new_reader(settings: Settings) -> AIOKafkaConsumer:
    """A consumer without a group: it never commits, never resets its position by itself."""
    return AIOKafkaConsumer(
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        fetch_max_wait_ms=20,
        max_partition_fetch_bytes=FETCH_BYTES,
        **client_options(settings),
    )


@asynccontextmanager
async def reader(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """A started reader, stopped at the end; see `started`."""
    consumer = new_reader(settings)
    await started(consumer, settings)
    try:
        yield consumer
    finally:
        await consumer.stop()


async def started(client: AIOKafkaConsumer | AIOKafkaProducer, settings: Settings) -> None:
    """Start ``client``; no broker that would have us is one sentence that says what to change."""
    try:
        await client.start()
    except KafkaConnectionError as error:
        await client.stop()
        raise await why_unreachable(settings, client_options(settings)) from error
