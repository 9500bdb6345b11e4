"""Who may ask, how much at once, and what is said when something is in the way."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from stream_app.cli import ltv
from stream_app.cli.group import outcome
from stream_app.errors import ConfigurationError
from stream_app.metrics import Metrics
from stream_app.serve import gate
from stream_app.serve.gate import HEADERS, Gate
from stream_app.serve.tokens import COOKIE, Token
from stream_app.settings import load
from stream_app.web.listener import Listener
from tests.serve.conftest import Serve
from tests.serve.shop import Shop

TOKEN = "correct-horse-battery"
RIGHT = {"Authorization": f"Bearer {TOKEN}"}
AWAY = "redis://:hunter2@127.0.0.1:1/0"


# -- the token ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer tök"},
        {"Cookie": f"{COOKIE}={TOKEN}"},
        {"Cookie": f"{COOKIE}="},
    ],
)
async def test_without_the_token_nothing_is_said(
    serve: Serve, cdnow_shop: Shop, headers: dict[str, str]
) -> None:
    client = await serve(cdnow_shop, serve_token=TOKEN)
    for where in ("/v1/customers/00004", "/v1/status", "/metrics", "/openapi.json", "/nowhere"):
        async with client.get(where, headers=headers) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="ltv"'
            assert answer.content_type == "application/problem+json"
            assert TOKEN not in await answer.text()
    for where in ("/livez", "/readyz"):
        async with client.get(where, headers=headers) as answer:
            assert answer.status == 200


async def test_with_the_token_everything_is(serve: Serve, cdnow_shop: Shop) -> None:
    client = await serve(cdnow_shop, serve_token=TOKEN)
    for headers in (RIGHT, {"Authorization": f"bearer {TOKEN}"}):
        async with client.get("/v1/customers/00004", headers=headers) as answer:
            assert answer.status == 200


def test_a_token_that_no_header_can_carry_is_refused() -> None:
    for token in ("short", "x" * 300, "with a space in it", "späte-überraschung"):
        with pytest.raises(ConfigurationError, match="LTV_SERVE_TOKEN is a value that is secret"):
            load({"LTV_SERVE_TOKEN": token})


# -- where from --------------------------------------------------------------------------------


async def test_without_a_token_a_name_that_leads_here_is_not_enough(
    serve: Serve, cdnow_shop: Shop
) -> None:
    client = await serve(cdnow_shop)
    for host, status in (("evil.example", 421), ("localhost:8080", 200), ("[::1]", 200)):
        async with client.get("/v1/customers/00004", headers={"Host": host}) as answer:
            assert answer.status == status
    client = await serve(cdnow_shop, serve_token=TOKEN)
    async with client.get("/v1/status", headers={"Host": "shop.example", **RIGHT}) as answer:
        assert answer.status == 200


# -- how much ----------------------------------------------------------------------------------


async def test_more_at_once_than_allowed_is_told_to_come_again() -> None:
    free, working = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(_request: web.Request) -> web.Response:
        working.release()
        await free.wait()
        return web.Response(text="done")

    async with _behind(_gate(LTV_SERVE_CONCURRENCY="2"), slow) as client:
        first = [asyncio.create_task(_status(client, "/slow")) for _ in range(2)]
        for _ in first:
            await working.acquire()
        async with client.get("/slow") as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "2"
        free.set()
        assert await asyncio.gather(*first) == [200, 200]
        assert await _status(client, "/slow") == 200


async def test_an_answer_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "DEADLINE_SECONDS", 0.05)  # ten seconds are too many for a test

    async def never(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with _behind(_gate(), never) as client, client.get("/slow") as answer:
        assert answer.status == 503
        assert "too long" in (await answer.json())["detail"]


async def test_what_nobody_foresaw_is_500_and_says_nothing_of_it() -> None:
    async def broken(_request: web.Request) -> web.Response:
        raise RuntimeError("a secret")

    async with _behind(_gate(), broken) as client, client.get("/slow") as answer:
        assert answer.status == 500
        assert "secret" not in await answer.text()


async def test_an_address_of_many_kilobytes_is_refused(serve: Serve, cdnow_shop: Shop) -> None:
    client = await serve(cdnow_shop)
    async with client.get("/v1/customers/" + "x" * 9000) as answer:
        assert answer.status == 400
    async with client.get("/v1/status", headers={"X-Long": "x" * 9000}) as answer:
        assert answer.status == 400


# -- what is in every answer -------------------------------------------------------------------


async def test_every_answer_has_the_headers_that_keep_it_from_harm(
    serve: Serve, cdnow_shop: Shop
) -> None:
    client = await serve(cdnow_shop)
    for where in ("/v1/customers/00004", "/v1/customers/x", "/v1/cohorts?by=x", "/no", "/livez"):
        async with client.get(where) as answer:
            for name in HEADERS:
                assert name in answer.headers, (where, name)
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert "Python" not in answer.headers["Server"]


async def test_an_unknown_address_and_a_wrong_method_are_problems(
    serve: Serve, cdnow_shop: Shop
) -> None:
    client = await serve(cdnow_shop)
    async with client.get("/v2/customers") as answer:
        assert answer.status == 404
        assert "/openapi.json" in (await answer.json())["detail"]
    async with client.delete("/v1/customers/00004") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    async with client.head("/v1/customers/00004") as answer:
        assert answer.status == 200


async def test_metrics_count_by_pattern_and_never_name_a_customer(
    serve: Serve, cdnow_shop: Shop
) -> None:
    client = await serve(cdnow_shop)
    for where in ("/v1/customers/00004", "/v1/customers/00004", "/v1/customers/secret-id", "/zzz"):
        async with client.get(where):
            pass
    async with client.get("/metrics") as answer:
        text = await answer.text()
    name = "ltv_http_request_seconds_count"
    assert f'{name}{{route="/v1/customers/{{id}}",status="200"}} 2.0' in text
    assert f'{name}{{route="/v1/customers/{{id}}",status="404"}} 1.0' in text
    assert f'{name}{{route="unknown",status="404"}} 1.0' in text
    assert "ltv_http_in_progress 1.0" in text
    assert "00004" not in text
    assert "secret-id" not in text
    assert "zzz" not in text


# -- Redis away --------------------------------------------------------------------------------


async def test_without_redis_everything_says_so_and_when_to_ask_again(serve: Serve) -> None:
    client = await serve(redis_url=AWAY)
    for where in (
        "/v1/customers/c", "/v1/customers/c?as_of=published", "/v1/cohorts", "/v1/segments",
        "/v1/status", "/readyz",
    ):  # fmt: skip
        async with client.get(where) as answer:
            assert answer.status == 503, where
            assert answer.headers["Retry-After"] == "2"
            assert answer.content_type == "application/problem+json"
            detail = (await answer.json())["detail"]
        assert "127.0.0.1:1" in detail
        assert "hunter2" not in detail
    async with client.get("/livez") as answer:
        assert answer.status == 200


# -- the command -------------------------------------------------------------------------------


async def test_the_command_prints_its_address_and_stops_when_told(redis_url: str) -> None:
    process = await _serving({"LTV_REDIS_URL": redis_url, "LTV_HTTP_PORT": "0"})
    assert process.stdout is not None
    url = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    assert url.startswith("http://127.0.0.1:")
    async with aiohttp.ClientSession(url) as client, client.get("/readyz") as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 15) == 0


def test_a_used_port_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert outcome(ltv, ["serve", "--http-port", str(port)]) == 78
    said = capsys.readouterr().err
    assert f"ltv: Port {port} of 127.0.0.1 is used by another program" in said
    assert said.count("\n") == 1


def test_costs_that_are_not_there_are_said_before_anything_is_served(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert outcome(ltv, ["serve", "--cac-file", "/nowhere/costs.csv"]) == 78
    assert "LTV_CAC_FILE names '/nowhere/costs.csv'" in capsys.readouterr().err


# -- a gate alone ------------------------------------------------------------------------------


class _NoPages:
    def is_page(self, request: web.Request) -> bool:
        return False

    def trouble(self, request: web.Request, found: Any) -> web.Response:
        raise AssertionError


def _gate(**environ: str) -> Gate:
    return Gate(load(environ), Token(""), Metrics("test"), _NoPages())


class _behind:
    """A handler behind a gate, at /slow."""

    def __init__(self, made: Gate, handler: Any) -> None:
        self._application = web.Application(middlewares=[made.middleware()])
        self._application.router.add_get("/slow", handler)
        self._listener = Listener("127.0.0.1", 0)

    async def __aenter__(self) -> Any:
        self._client = aiohttp.ClientSession(await self._listener.start(self._application))
        return self._client

    async def __aexit__(self, *_error: object) -> None:
        await self._client.close()
        await self._listener.stop()


async def _status(client: Any, where: str) -> int:
    async with client.get(where) as answer:
        return int(answer.status)


async def _serving(environ: dict[str, str]) -> asyncio.subprocess.Process:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LTV_")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stream_app", "serve",
        env={**clean, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
