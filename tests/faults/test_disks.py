"""No space left: under the broker, then under Redis. Somebody frees some, and all is well."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream_app.dev.valkey import Valkey
from tests.rig.outages import published_again
from tests.rig.script import (
    begin,
    enough,
    folded,
    kafka_start,
    keep_running,
    metric,
    ready,
    reread,
    start,
)
from tests.rig.servers import Broker
from tests.rig.small_disk import small_disk
from tests.rig.stage import Stages
from tests.rig.waiting import eventually

pytestmark = [pytest.mark.timeout(240), pytest.mark.fault("F16")]


async def test_a_full_disk_under_the_broker_loses_and_doubles_nothing(
    stages: Stages, tmp_path: Path, long: bool
) -> None:
    """Kafka gives up its only log directory and ends; the worker says what it waits for."""
    with small_disk(tmp_path / "kafka" / "data", megabytes=512) as disk:
        broker = Broker(tmp_path / "kafka")
        with broker.kafka:
            async with stages.open(broker=broker, REQUEST_SECONDS="5") as stage:
                await stage.play(
                    [start(), keep_running(), begin(10_000_000, rate=1_000), folded(1_000)],
                    judged=False,
                )
                for _ in range(5 if long else 1):
                    disk.fill()
                    assert disk.left == 0
                    await eventually(lambda: not broker.kafka.alive(), "Kafka ends")
                    assert "No space left on device" in broker.kafka.log.read_text()
                    disk.free()
                    await stage.play(
                        [kafka_start(), ready(seconds=60.0), folded(1_000)], judged=False
                    )
                await stage.play([enough(), reread()])


async def test_a_full_disk_under_redis_stops_no_folding_and_is_named(
    stages: Stages, tmp_path: Path, long: bool
) -> None:
    """It keeps a log of its commands, can't write it, and takes no more writes."""
    with small_disk(tmp_path / "disk", megabytes=64) as disk:
        options = {"dir": str(disk.directory), "appendonly": "yes", "appendfsync": "everysec"}
        with Valkey(tmp_path / "valkey", options=options) as valkey:
            async with stages.open(valkey=valkey) as stage:
                await stage.play(
                    [start(), begin(10_000_000, rate=1_000), folded(1_000)], judged=False
                )
                for _ in range(5 if long else 1):
                    disk.fill()
                    assert disk.left == 0
                    await stage.play(
                        [metric("ltv_redis_up", 0, within=10.0), folded(2_000)], judged=False
                    )
                    assert stage.worker.said("Redis can't save to disk and takes no writes")
                    disk.free()
                    await stage.play(
                        [metric("ltv_redis_up", 1, within=30.0), folded(500)], judged=False
                    )
                await stage.play([published_again(within=10.0), enough()])
                assert stage.worker.exit_code is None
