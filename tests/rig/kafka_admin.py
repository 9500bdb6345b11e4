"""What operators do to a cluster, on purpose or by mistake: topics and group offsets."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code

from stream_app.settings import Settings
from stream_app.stores.topics import admin_client, ensure_topics
from tests.rig.waiting import eventually


async def make_topics(settings: Settings) -> None:
    """The product's topics, by the product's own command's code."""
    report = await ensure_topics(settings, create=True)
    assert not report.problems, report.problems


async def make_topic(settings: Settings, name: str, partitions: int) -> None:
    """One topic with a count of one's own."""
    async with admin_client(settings) as admin:
        await _create(admin, name, partitions)


async def delete_topic(settings: Settings, name: str) -> None:
    """Delete it and wait until it is gone."""
    async with admin_client(settings) as admin:
        await admin.delete_topics([name])
        await eventually(lambda: _is_gone(admin, name), f"topic {name} is gone")


async def recreate_topic(settings: Settings, name: str, partitions: int) -> None:
    """Delete it and make it anew, empty."""
    await delete_topic(settings, name)
    await make_topic(settings, name, partitions)


async def add_partitions(settings: Settings, name: str, total: int) -> None:
    """Give it more partitions, up to ``total``."""
    async with admin_client(settings) as admin:
        await admin.create_partitions({name: NewPartitions(total)})


async def group_offsets(settings: Settings) -> dict[TopicPartition, int]:
    """Where the worker's group stands."""
    async with admin_client(settings) as admin:
        found = await admin.list_consumer_group_offsets(settings.group)
    return {partition: each.offset for partition, each in found.items() if each.offset >= 0}


async def set_group_offsets(settings: Settings, offsets: Mapping[TopicPartition, int]) -> None:
    """Move the group; it must have no members (`kafka-consumer-groups --reset-offsets`)."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.brokers, group_id=settings.group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign(list(offsets))
        await eventually(lambda: _committed(consumer, offsets), "the group has no members")
    finally:
        await consumer.stop()


async def _committed(consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> bool:
    try:
        await consumer.commit(dict(offsets))
    except KafkaError:
        return False
    return True


async def delete_group(settings: Settings) -> None:
    """Make the broker forget the group and its offsets; it must have no members."""
    await eventually(lambda: _group_deleted(settings), "the group can be deleted")


async def _group_deleted(settings: Settings) -> bool:
    """One DeleteGroups request (api 42, version 0), which aiokafka's client does not have.

    https://kafka.apache.org/protocol#The_Messages_DeleteGroups
    """
    name = settings.group.encode()
    body = struct.pack(f">ih{len(name)}s", 1, len(name), name)
    header = struct.pack(">hhih", 42, 0, 1, -1)
    host, port = settings.brokers.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(struct.pack(">i", len(header) + len(body)) + header + body)
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        answer = await reader.readexactly(size)
    finally:
        writer.close()
        await writer.wait_closed()
    (code,) = struct.unpack(">h", answer[-2:])
    return bool(code == 0)


async def log_bounds(settings: Settings) -> dict[TopicPartition, tuple[int, int]]:
    """Start and end of every partition of the source topics."""
    places = [
        TopicPartition(topic, number)
        for topic in settings.source_topics
        for number in range(settings.partitions)
    ]
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.brokers, group_id=None)
    await consumer.start()
    try:
        starts = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
    finally:
        await consumer.stop()
    return {place: (starts[place], ends[place]) for place in places}


async def _create(admin: AIOKafkaAdminClient, name: str, partitions: int) -> None:
    async def made() -> bool:
        """A topic that was just deleted may still be on its way out."""
        answer = await admin.create_topics([NewTopic(name, partitions, 1)])
        codes = {code for _, code, _ in answer.topic_errors}
        assert codes <= {0, 36}, for_code(max(codes))
        return codes == {0}

    await eventually(made, f"topic {name} can be made")
    await eventually(lambda: _is_led(admin, name), f"topic {name} has leaders")


async def _is_led(admin: AIOKafkaAdminClient, name: str) -> bool:
    found = {one["topic"]: one["partitions"] for one in await admin.describe_topics()}
    return bool(found.get(name)) and all(one["leader"] >= 0 for one in found[name])


async def _is_gone(admin: AIOKafkaAdminClient, name: str) -> bool:
    try:
        return name not in {one["topic"] for one in await admin.describe_topics()}
    except UnknownTopicOrPartitionError:
        return False
