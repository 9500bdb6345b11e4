"""A real Prometheus with our configuration, on targets of a test."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from stream_app.dev.child import Child
from stream_app.dev.ports import HOST, free_port
from stream_app.web.listener import Listener
from tests.deploy.tools import PROMETHEUS
from tests.rig.waiting import eventually

EVERY = "1s"


class Prometheus:
    """One that runs; asked over its HTTP interface."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def value(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression has now, each with `metric` and `value`."""
        found = await self._get("query", query=expression)
        if found["resultType"] == "scalar":
            return [{"metric": {}, "value": found["result"]}]
        return list(found["result"])

    async def alerts(self) -> list[dict[str, Any]]:
        """Those that are pending or fire."""
        return list((await self._get("alerts"))["alerts"])

    async def faults(self) -> list[str]:
        """What rules could not be evaluated, and what targets not be asked, and why."""
        groups = (await self._get("rules"))["groups"]
        told = [f"{rule['name']}: {rule['lastError']}" for group in groups
                for rule in group["rules"] if rule.get("lastError")]  # fmt: skip
        targets = (await self._get("targets"))["activeTargets"]
        return told + [f"{one['scrapeUrl']}: {one['lastError']}" for one in targets
                       if one["lastError"]]  # fmt: skip

    async def answers(self) -> bool:
        """Whether it is ready."""
        try:
            async with self._session.get("/-/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def _get(self, what: str, **query: str) -> Any:
        async with self._session.get(f"/api/v1/{what}", params=query) as answer:
            found = await answer.json()
        assert found["status"] == "success", found
        return found["data"]


@asynccontextmanager
async def running(
    program: str, targets: Mapping[str, Sequence[str]], token: str, directory: Path
) -> AsyncIterator[Prometheus]:
    """Started in `directory`; `targets` are `host:port` by job, `token` that of `ltv serve`."""
    _configure(targets, token, directory)
    port = free_port()
    with _child(program, port, directory) as child:
        async with aiohttp.ClientSession(f"http://{HOST}:{port}") as session:
            prometheus = Prometheus(session)
            await eventually(prometheus.answers, lambda: child.last_words())
            yield prometheus


def _configure(targets: Mapping[str, Sequence[str]], token: str, directory: Path) -> None:
    """Our own files, but for where the targets and the token are, and how often one looks."""
    shutil.copytree(PROMETHEUS / "rules", directory / "rules")
    (directory / "token").write_text(token)
    page = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    page["global"] = {"scrape_interval": EVERY, "evaluation_interval": EVERY}
    for job in page["scrape_configs"]:
        job["static_configs"] = [{"targets": list(targets[job["job_name"]])}]
        if "authorization" in job:
            job["authorization"]["credentials_file"] = "token"
    ours = {job["job_name"] for job in page["scrape_configs"]}
    page["scrape_configs"] += [
        {"job_name": job, "static_configs": [{"targets": list(them)}]}
        for job, them in targets.items()
        if job not in ours
    ]
    (directory / "prometheus.yml").write_text(yaml.safe_dump(page))


@contextmanager
def _child(program: str, port: int, directory: Path) -> Iterator[Child]:
    command = [
        program,
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={HOST}:{port}",
    ]
    child = Child("prometheus", command, directory / "prometheus.log")
    try:
        yield child
    finally:
        child.stop()


@asynccontextmanager
async def exporter(text: str) -> AsyncIterator[str]:
    """`host:port` of somebody who shows these metrics: for exporters that are not ours."""

    async def show(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/plain")

    application = web.Application()
    application.router.add_get("/metrics", show)
    listener = Listener(HOST, 0)
    try:
        yield (await listener.start(application)).removeprefix("http://")
    finally:
        await listener.stop()
