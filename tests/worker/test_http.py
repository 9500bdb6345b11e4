"""The worker's HTTP: alive, ready, metrics, and problems that say what they are."""

import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from stream_app.errors import ConfigurationError
from stream_app.metrics import Metrics
from stream_app.worker.http import HttpServer

Detail = dict[str, object]


class Worker:
    """A worker whose readiness a test sets."""

    def __init__(self) -> None:
        self.ready = True
        self.detail: Detail = {"recovering": []}

    def readiness(self) -> tuple[bool, Detail]:
        return self.ready, self.detail


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3")


@pytest_asyncio.fixture
async def client(worker: Worker, metrics: Metrics) -> AsyncIterator[aiohttp.ClientSession]:
    server = HttpServer("127.0.0.1", 0, metrics, worker.readiness)
    url = await server.start()
    async with aiohttp.ClientSession(url) as session:
        yield session
    await server.stop()


async def test_a_live_worker_says_so(client: aiohttp.ClientSession) -> None:
    async with client.get("/livez") as answer:
        assert answer.status == 200
        assert await answer.json() == {"alive": True}


async def test_readiness_follows_the_worker(client: aiohttp.ClientSession, worker: Worker) -> None:
    async with client.get("/readyz") as answer:
        assert answer.status == 200
        assert await answer.json() == {"ready": True, "recovering": []}
    worker.ready, worker.detail = False, {"recovering": [3]}
    async with client.get("/readyz") as answer:
        assert answer.status == 503
        assert answer.content_type == "application/problem+json"
        body = await answer.json()
    assert body["recovering"] == [3]
    assert body["status"] == 503
    assert body["title"] == "Service Unavailable"


async def test_metrics_are_prometheus_text(client: aiohttp.ClientSession, metrics: Metrics) -> None:
    metrics.add("ltv_events_total", 7, "purchases", "applied")
    async with client.get("/metrics") as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = await answer.text()
    assert 'ltv_events_total{outcome="applied",topic="purchases"} 7.0\n' in text
    assert 'ltv_build_info{version="1.2.3"} 1.0\n' in text


async def test_an_unknown_address_is_a_problem_document(client: aiohttp.ClientSession) -> None:
    async with client.get("/nope") as answer:
        assert answer.status == 404
        assert answer.content_type == "application/problem+json"
        assert (await answer.json())["detail"] == "There are /livez, /readyz and /metrics."


async def test_a_wrong_method_names_the_right_ones(client: aiohttp.ClientSession) -> None:
    async with client.post("/metrics") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET, HEAD"
        assert answer.content_type == "application/problem+json"


async def test_a_used_port_is_a_configuration_error_that_names_the_setting(
    metrics: Metrics, worker: Worker
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = HttpServer("127.0.0.1", port, metrics, worker.readiness)
        with pytest.raises(ConfigurationError, match=rf"Port {port} .*LTV_HTTP_PORT"):
            await server.start()


async def test_an_address_of_another_machine_is_a_configuration_error(
    metrics: Metrics, worker: Worker
) -> None:
    server = HttpServer("192.0.2.1", 0, metrics, worker.readiness)
    with pytest.raises(ConfigurationError, match="LTV_HTTP_HOST"):
        await server.start()
