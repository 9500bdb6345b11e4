"""TCP proxies that make trouble: one that understands Kafka's requests, one that moves bytes.

Kafka's framing (https://kafka.apache.org/protocol): a request is a length (i32), an api key
(i16), an api version (i16) and a correlation id (i32); an answer is a length and the correlation
id.  That is all the Kafka proxy reads; a topic is recognised by its name standing in the request.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum

from tests.rig import kafka_error

PRODUCE, FETCH, METADATA, OFFSET_COMMIT = 0, 1, 3, 8
ONWARDS = 1 << 30


class Trouble(Enum):
    """What may happen to a request."""

    DELAY = "the answer comes later"
    LOSE_ANSWER = "the broker does it, its answer never comes"
    CUT = "the broker does it, then the connection breaks instead of an answer"
    BREAK = "the connection breaks before the broker hears of it"
    SWALLOW = "the broker never hears of it, and nobody says so"
    ERROR = "the broker never hears of it; an error code is the answer"


@dataclass
class Rule:
    """Trouble for the requests of one API, for as many of them as `times` says."""

    api: int
    trouble: Trouble
    topic: str = ""
    """Only requests in which this name stands; empty: all."""
    after: int = 0
    """So many are let through first."""
    times: int = ONWARDS
    seconds: float = 0.0
    """Of a delay."""
    code: int = 0
    """Of an error."""
    struck: int = 0
    """How often it did strike: proof for the test."""
    _seen: int = 0

    def strikes(self, api: int, frame: bytes) -> bool:
        """Whether this request is hit; counts."""
        if api != self.api or (self.topic and self.topic.encode() not in frame):
            return False
        self._seen += 1
        if self._seen <= self.after or self.struck >= self.times:
            return False
        self.struck += 1
        return True


Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class _Proxy:
    """Listens, and opens one connection to the server for each of its clients."""

    def __init__(self, port: int, upstream: str, tls: ssl.SSLContext | None = None) -> None:
        """``tls``: what to speak to clients; the server always hears plain bytes."""
        self.port = port
        self._tls = tls
        self._host, upstream_port = upstream.rsplit(":", 1)
        self._upstream_port = int(upstream_port)
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.connections = 0
        """How many clients have come through."""

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, ssl=self._tls
        )

    async def stop(self) -> None:
        """Listen no more, and break what is open."""
        if self._server is not None:
            self._server.close()
        await self.break_all()
        while self._clients:
            await asyncio.wait(self._clients)

    async def break_all(self) -> None:
        """Reset every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)
        self.connections += 1
        self._writers.add(writer)
        try:
            upstream = await asyncio.open_connection(self._host, self._upstream_port)
        except OSError:
            self._close(writer)
            return
        self._writers.add(upstream[1])
        pumps = [
            asyncio.ensure_future(one)
            for one in self._pumps((reader, writer), (upstream[0], upstream[1]))
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._close(writer)
            self._close(upstream[1])

    def _close(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.transport.abort()

    def _pumps(self, client: Pair, server: Pair) -> list[Awaitable[None]]:
        raise NotImplementedError


Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class KafkaProxy(_Proxy):
    """Between a Kafka client and the broker; `rules` say what happens to which request."""

    def __init__(self, port: int, upstream: str) -> None:
        super().__init__(port, upstream)
        self.rules: list[Rule] = []
        self.requests: dict[int, int] = {}
        """Requests seen, by api key."""

    def add(self, rule: Rule) -> Rule:
        """Put a rule into force; the first that strikes decides."""
        self.rules.append(rule)
        return rule

    def _pumps(self, client: Pair, server: Pair) -> list[Awaitable[None]]:
        pending: dict[int, Rule] = {}
        return [
            self._requests(client[0], server[1], client[1], pending),
            self._answers(server[0], client[1], pending),
        ]

    async def _requests(
        self,
        client: asyncio.StreamReader,
        server: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        pending: dict[int, Rule],
    ) -> None:
        async for frame in _frames(client):
            api, version, correlation = struct.unpack_from(">hhi", frame)
            self.requests[api] = self.requests.get(api, 0) + 1
            rule = next((one for one in self.rules if one.strikes(api, frame)), None)
            if rule is not None:
                if rule.trouble is Trouble.BREAK:
                    return
                if rule.trouble is Trouble.SWALLOW:
                    continue
                if rule.trouble is Trouble.ERROR:
                    _write(back, kafka_error.answer(api, version, correlation, frame, rule.code))
                    continue
                pending[correlation] = rule
            _write(server, frame)
            await server.drain()

    async def _answers(
        self,
        server: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        pending: dict[int, Rule],
    ) -> None:
        async for frame in _frames(server):
            (correlation,) = struct.unpack_from(">i", frame)
            rule = pending.pop(correlation, None)
            if rule is not None:
                if rule.trouble is Trouble.CUT:
                    return
                if rule.trouble is Trouble.LOSE_ANSWER:
                    continue
                # Answers keep their order, so a late one holds up those behind it, as a slow
                # broker does.
                await asyncio.sleep(rule.seconds)
            _write(client, frame)
            await client.drain()


class BytesProxy(_Proxy):
    """Between a Redis client and Redis: every answer may come late, or break the connection."""

    def __init__(
        self, port: int, upstream: str, seed: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(port, upstream, tls)
        self.delay_seconds = 0.0
        self.reset_share = 0.0
        """Of the answers: so many reset the connection instead of arriving."""
        self.delayed = self.resets = 0
        """Answers that were held back, and that never came: proof for the test."""
        self._random = random.Random(seed)

    def _pumps(self, client: Pair, server: Pair) -> list[Awaitable[None]]:
        return [self._move(client[0], server[1], late=False), self._move(server[0], client[1])]

    async def _move(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool = True
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(1 << 16):
                if late and self.reset_share > self._random.random():
                    self.resets += 1
                    return
                if late and self.delay_seconds:
                    self.delayed += 1
                    await asyncio.sleep(self.delay_seconds)
                writer.write(piece)
                await writer.drain()


@asynccontextmanager
async def kafka_proxy(port: int, upstream: str) -> AsyncIterator[KafkaProxy]:
    """A running one."""
    proxy = KafkaProxy(port, upstream)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


@asynccontextmanager
async def bytes_proxy(port: int, upstream: str, seed: int = 0) -> AsyncIterator[BytesProxy]:
    """A running one."""
    proxy = BytesProxy(port, upstream, seed)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


async def _frames(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Frames without their length, until the connection ends."""
    try:
        while True:
            (size,) = struct.unpack(">i", await reader.readexactly(4))
            yield await reader.readexactly(size)
    except (asyncio.IncompleteReadError, OSError):
        return


def _write(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(struct.pack(">i", len(frame)) + frame)
