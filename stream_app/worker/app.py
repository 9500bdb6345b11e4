"""The Faust app of a worker: one agent on three topics, one table, our transport and recovery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faust
import faust.streams
from aiokafka import AIOKafkaProducer
from faust.types import TP
from mode import CrashingSupervisor

from stream_app.errors import ConfigurationError
from stream_app.settings import Settings
from stream_app.stores.kafka import tls_context
from stream_app.stores.topic_plan import CHANGELOG_ROOM
from stream_app.worker.agent import Agent
from stream_app.worker.fate import Fate
from stream_app.worker.partitions import Partitions
from stream_app.worker.table import CustomerTable, Tables
from stream_app.worker.transport import Consumer, Transport

QUEUED_SLICES = 12
"""Slices that may wait for the agent; Faust's ``maxsize`` counts messages, ours are slices."""

TABLE_NAME = "customers"


class SliceSchema(faust.Schema[Any, Any]):
    """Hands a slice through untouched: its records are decoded while folding."""

    def compile(self, app: Any, **kwargs: Any) -> Any:
        """The function that makes an event of a message."""
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return create_event(None, message.value, message.headers, message)

        return decode


class LtvApp(faust.App):
    """Faust's app with what the worker's other parts need to find each other by."""

    settings: Settings
    partitions: Partitions
    fate: Fate

    async def on_first_start(self) -> None:
        """Faust would make a directory for tables on disk; ours are in memory."""

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Transport:
        return Transport(self.conf.broker_producer, self)

    @property
    def aiokafka_producer(self) -> AIOKafkaProducer:
        """The started producer below Faust's."""
        producer: AIOKafkaProducer = self.producer._ensure_producer()  # type: ignore[attr-defined]
        return producer

    @property
    def has_recovered(self) -> bool:
        """Whether an assignment has been taken whole at least once."""
        tables = self.tables
        return isinstance(tables, Tables) and tables.recovery.completed.is_set()

    def check_group(self) -> None:
        """`ConfigurationError` where the broker has refused us in the group for good.

        aiokafka logs that and tries no more: the worker would live on and own nothing.
        """
        consumer = self.consumer
        assert isinstance(consumer, Consumer)
        refusal = consumer.thread.refusal
        if refusal is not None:
            raise ConfigurationError(
                f"the broker refuses this worker in group {self.settings.group}: {refusal!r}; look "
                "at LTV_SESSION_SECONDS, at who else uses LTV_APP_ID, and at the rights of "
                "LTV_KAFKA_USER"
            ) from refusal

    def records_behind(self) -> int:
        """Records fetched or known to lie in the log that are not folded yet."""
        consumer = self.consumer
        assert isinstance(consumer, Consumer)
        return sum(
            max(0, consumer.end(topic, number) - partition.position(topic))
            for number, partition in self.partitions.held.items()
            for topic in self.settings.source_topics
        )

    def lag(self, number: int) -> dict[str, int]:
        """Records between the durable state of a partition and the end of each source topic."""
        consumer, partition = self.consumer, self.partitions.held.get(number)
        if not isinstance(consumer, Consumer) or partition is None:
            return {}
        return {
            topic: max(
                0, consumer.end(topic, number) - max(at, consumer.idle_position(topic, number))
            )
            for topic, at in partition.acknowledged.items()
        }

    def taken(self, size: int) -> None:
        """A slice of ``size`` bytes has left the queue between fetching and folding."""
        consumer = self.consumer
        assert isinstance(consumer, Consumer)
        consumer.taken(size)

    async def committed(self, number: int) -> Mapping[str, int]:
        """The group's committed offsets of partition ``number``, by topic."""
        consumer = self.consumer
        assert isinstance(consumer, Consumer)
        tps = [TP(topic, number) for topic in self.settings.source_topics]
        return {tp.topic: offset for tp, offset in (await consumer.thread.committed(tps)).items()}


def new_app(settings: Settings, fate: Fate) -> LtvApp:
    """The app with its settings; `connect` adds what it works on.

    What differs from Faust's defaults is what measurements or reading its code made necessary.
    """
    if getattr(faust.streams, "_CStreamIterator", None) is None:
        # The pure-Python fallback acknowledges records that it skips after a rebalance.
        raise ConfigurationError(
            "faust-streaming was installed without its compiled parts; install its binary wheel"
        )
    app = LtvApp(
        settings.app_id,
        version=settings.build,
        broker=[f"kafka://{one}" for one in settings.brokers.split(",")],
        broker_credentials=credentials(settings),
        Table=CustomerTable,
        TableManager=Tables,
        processing_guarantee="at_least_once",
        agent_supervisor=CrashingSupervisor,
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        stream_wait_empty=True,
        worker_redirect_stdouts=False,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 << 20,
        producer_acks=-1,
        producer_linger=0,
        producer_max_batch_size=settings.slice_bytes + CHANGELOG_ROOM,
        producer_max_request_size=settings.slice_bytes + 2 * CHANGELOG_ROOM,
        producer_request_timeout=settings.request_seconds,
        broker_request_timeout=settings.request_seconds,
        broker_commit_interval=settings.commit_interval,
        broker_session_timeout=settings.session_seconds,
        broker_heartbeat_interval=settings.session_seconds / 4,
        broker_rebalance_timeout=settings.rebalance_seconds,
    )
    app.settings, app.fate = settings, fate
    return app


def connect(app: LtvApp, partitions: Partitions, agent: Agent) -> None:
    """Give the app its partitions, its table and its agent."""
    app.partitions = partitions
    app.Table(TABLE_NAME, partitions=app.settings.partitions)
    topic = app.topic(*app.settings.source_topics, schema=SliceSchema(), maxsize=QUEUED_SLICES)
    app.agent(topic, name="customers")(agent.run)


def credentials(settings: Settings) -> Any:
    """Faust's form of the settings for TLS and SASL; None for a plain connection."""
    if settings.kafka_security == "PLAINTEXT":
        return None
    context = tls_context(settings) if settings.kafka_security.endswith("SSL") else None
    if not settings.kafka_security.startswith("SASL"):
        return faust.SSLCredentials(context)
    return faust.SASLCredentials(
        username=settings.kafka_user,
        password=settings.kafka_password,
        ssl_context=context,
        mechanism=settings.kafka_sasl_mechanism,
    )
