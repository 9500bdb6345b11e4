"""The customers are a table that everybody may read and nobody may write."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from stream_app.worker.app import TABLE_NAME, connect
from stream_app.worker.table import CustomerTable
from tests.worker.memory_log import MemoryLogs
from tests.worker.memory_worker import MemoryWorker
from tests.worker.records import bought, settings


@pytest_asyncio.fixture
async def table() -> AsyncIterator[CustomerTable]:
    logs = MemoryLogs()
    for offset in range(4):
        logs.of("purchases", offset % 2).put(bought(offset, f"c-{17 + offset % 2}"))
    worker = MemoryWorker(settings(PARTITIONS="2"), logs)
    connect(worker.app, worker.partitions, worker.agent)
    await worker.rebalance()
    await worker.drain()
    made = worker.app.tables[TABLE_NAME]
    assert isinstance(made, CustomerTable)
    yield made
    await worker.stop()


def test_a_customer_of_any_partition_is_read_by_its_id(table: CustomerTable) -> None:
    assert table["c-17"].orders == 2
    assert table["c-18"].revenue_minor == 2_000
    assert table.get("c-17") is table["c-17"]


def test_who_is_not_there_is_not_there(table: CustomerTable) -> None:
    with pytest.raises(KeyError):
        table["c-99"]
    assert table.get("c-99") is None
    assert table.get("c-99", 7) == 7
    assert ("c-17" in table, "c-99" in table) == (True, False)


def test_the_table_is_counted_and_walked_over(table: CustomerTable) -> None:
    assert len(table) == 2
    assert sorted(table) == ["c-17", "c-18"]


def test_the_table_is_walked_over_with_its_customers(table: CustomerTable) -> None:
    assert list(table.keys()) == list(table)
    assert {key: one.orders for key, one in table.items()} == {"c-17": 2, "c-18": 2}
    assert sum(one.orders for one in table.values()) == 4


def test_writing_is_refused_and_says_what_to_do(table: CustomerTable) -> None:
    before = table["c-17"].facts
    with pytest.raises(TypeError, match="send one to a source topic"):
        table["c-17"] = table["c-18"]
    with pytest.raises(TypeError, match="send one to a source topic"):
        del table["c-17"]
    with pytest.raises(TypeError):
        table.pop("c-17")
    with pytest.raises(TypeError):
        table.clear()
    assert table["c-17"].facts == before
    assert len(table) == 2


def test_the_table_names_the_changelog_that_recovery_reads(table: CustomerTable) -> None:
    assert table.changelog_topic.get_topic_name() == settings().changelog_topic
