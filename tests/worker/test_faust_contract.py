"""The names inside Faust and aiokafka that the worker overrides or reads.

An upgrade that renames one would not fail: the override would be dead code and Faust's own way
would be back, which loses updates.  This list fails instead.
"""

from __future__ import annotations

import collections.abc
import inspect
from importlib.metadata import version

import aiokafka
import faust
import faust.streams
import faust.tables.base
import faust.tables.manager
import faust.tables.recovery
import pytest
from aiokafka.consumer.fetcher import Fetcher, OffsetResetStrategy, PartitionRecords
from aiokafka.producer.sender import SendProduceReqHandler
from faust.transport import consumer as transport_consumer
from faust.transport.drivers import aiokafka as driver

from stream_app.stores import light_records
from stream_app.worker.app import LtvApp, SliceSchema
from stream_app.worker.table import BulkRecovery, CustomerTable, Tables
from stream_app.worker.transport import Consumer, ConsumerThread, Producer, Transport

pytestmark = pytest.mark.fault("F25")

OVERRIDDEN = [
    (Consumer, driver.Consumer, "_new_consumer_thread"),
    (Consumer, transport_consumer.Consumer, "getmany"),
    (Consumer, transport_consumer.Consumer, "perform_seek"),
    (Consumer, transport_consumer.Consumer, "on_partitions_revoked"),
    (Consumer, transport_consumer.Consumer, "_filter_tps_with_pending_acks"),
    (Consumer, transport_consumer.Consumer, "_new_offset"),
    (Consumer, transport_consumer.Consumer, "_should_commit"),
    (Consumer, transport_consumer.Consumer, "_add_gap"),
    (Consumer, transport_consumer.Consumer, "verify_event_path"),
    (Consumer, transport_consumer.ThreadDelegateConsumer, "_commit"),
    (ConsumerThread, driver.AIOKafkaConsumerThread, "_create_worker_consumer"),
    (ConsumerThread, driver.AIOKafkaConsumerThread, "_commit"),
    (ConsumerThread, driver.AIOKafkaConsumerThread, "verify_event_path"),
    (Producer, driver.Producer, "_settings_extra"),
    (Transport, driver.Transport, "Consumer"),
    (Transport, driver.Transport, "Producer"),
    (SliceSchema, faust.Schema, "compile"),
    (LtvApp, faust.App, "_new_transport"),
    (LtvApp, faust.App, "_new_producer_transport"),
    (LtvApp, faust.App, "on_first_start"),
    (Tables, faust.tables.manager.TableManager, "on_start"),
    (Tables, faust.tables.manager.TableManager, "recovery"),
    (Tables, faust.tables.manager.TableManager, "_update_channels"),
    (BulkRecovery, faust.tables.recovery.Recovery, "on_rebalance"),
    (BulkRecovery, faust.tables.recovery.Recovery, "_restart_recovery"),
    (BulkRecovery, faust.tables.recovery.Recovery, "_publish_stats"),
    (BulkRecovery, faust.tables.recovery.Recovery, "flush_buffers"),
    (CustomerTable, faust.tables.base.Collection, "on_start"),
    (CustomerTable, faust.tables.base.Collection, "on_recovery_completed"),
    (CustomerTable, collections.abc.Mapping, "get"),
    (CustomerTable, collections.abc.Mapping, "keys"),
    (CustomerTable, collections.abc.Mapping, "values"),
    (CustomerTable, collections.abc.Mapping, "items"),
]


@pytest.mark.parametrize(
    ("ours", "theirs", "name"), OVERRIDDEN, ids=lambda part: getattr(part, "__name__", part)
)
def test_what_is_overridden_exists_in_faust(ours: type, theirs: type, name: str) -> None:
    """Both sides have the name, and ours is not simply theirs."""
    assert name in vars(theirs), f"{theirs} no longer has {name}"
    assert name in vars(ours)


def test_the_list_is_whole() -> None:
    """Every public or private function that our classes redefine of Faust's is in the list."""
    listed = {(ours, name) for ours, _, name in OVERRIDDEN}
    for ours in {ours for ours, _, _ in OVERRIDDEN}:
        for name, value in vars(ours).items():
            inherited = any(name in vars(base) for base in ours.__mro__[1:-1])
            if inherited and callable(value) and not name.startswith("__"):
                assert (ours, name) in listed, f"{ours.__name__}.{name} is not in the list"


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (driver.AIOKafkaConsumerThread, "_ensure_consumer"),
        (driver.AIOKafkaConsumerThread, "call_thread"),
        (driver.Producer, "_ensure_producer"),
        (transport_consumer.Consumer, "_wait_next_records"),
        (transport_consumer.Consumer, "track_message"),
        (faust.tables.recovery.Recovery, "_wait"),
        (faust.tables.recovery.Recovery, "_set_recovery_started"),
        (faust.tables.recovery.Recovery, "on_recovery_completed"),
        (faust.tables.recovery.Recovery, "signal_recovery_start"),
        (faust.App, "maybe_start_producer"),
    ],
)
def test_what_is_called_inside_faust_exists(owner: type, name: str) -> None:
    """Names that we call without being asked."""
    assert hasattr(owner, name)


def test_the_versions_are_those_whose_code_was_read() -> None:
    """Another version is a decision: read the overridden code again, then change this line."""
    assert version("faust-streaming") == "0.15.3"


def test_the_compiled_stream_iterator_is_there() -> None:
    """Without it Faust acknowledges records that it skipped after a rebalance."""
    assert faust.streams._CStreamIterator is not None  # type: ignore[attr-defined]


def test_aiokafka_still_has_the_switches_we_set() -> None:
    """Attributes of the consumer that take effect at its start, and of its fetcher later."""
    source = inspect.getsource(aiokafka.AIOKafkaConsumer.start)
    assert "self._fetch_max_wait_ms" in source
    assert "self._isolation_level" in source
    assert "_default_reset_strategy" in inspect.getsource(Fetcher)
    assert hasattr(OffsetResetStrategy, "NONE")


def test_aiokafka_makes_its_records_where_we_make_ours() -> None:
    """And whoever gave a consumer deserializers still gets its own."""
    assert "self._consumer_record(tp, record)" in inspect.getsource(PartitionRecords)
    source = inspect.getsource(light_records._theirs)
    for name in ("_key_deserializer", "_value_deserializer", "offset", "timestamp", "headers"):
        assert name in source
    assert PartitionRecords._consumer_record is light_records._light


def test_an_idempotent_producer_never_gives_a_batch_up_by_time() -> None:
    """Else a slow broker would turn into an append with an unknown outcome."""
    source = inspect.getsource(SendProduceReqHandler._can_retry)
    assert "_txn_manager is None and batch.expired()" in source
