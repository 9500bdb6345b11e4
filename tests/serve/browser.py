"""A real chromium, spoken to over its own protocol, that can reach nothing but 127.0.0.1."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from stream_app.dev.child import Child

NAMES = ("chromium", "chromium-browser", "google-chrome")
START_SECONDS = 60.0
PATIENCE_SECONDS = 30.0


def chromium() -> str | None:
    """Where it is; None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Tab:
    """One page, and all that it complained of or asked for."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._session: str | None = None
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self.complaints: list[str] = []
        self.asked_for: list[str] = []
        self._listening = asyncio.create_task(self._listen())

    async def call(self, method: str, **arguments: Any) -> Any:
        """A command of the protocol; RuntimeError where it is refused."""
        self._number += 1
        number = self._number
        said: dict[str, Any] = {"id": number, "method": method, "params": arguments}
        if self._session is not None:
            said["sessionId"] = self._session
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json(said)
        return await asyncio.wait_for(self._answers[number], PATIENCE_SECONDS)

    async def open(self) -> None:
        """Make the page."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            await self.call(f"{domain}.enable")

    async def go(self, url: str, *, width: int = 1280, height: int = 900) -> None:
        """Show a page, and wait until all of its charts are drawn."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")
        await self.until("!document.getElementById('figures') || 'drawn' in document.body.dataset")

    async def eval(self, expression: str) -> Any:
        """What a script says."""
        said = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait for an effect; between two pages there is nothing to be asked."""
        careful = f"(() => {{ try {{ return {expression} }} catch {{ return false }} }})()"
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                with suppress(RuntimeError):
                    if await self.eval(careful):
                        return
                await asyncio.sleep(0.02)

    async def dark(self, *, on: bool) -> None:
        """Let the screen be dark."""
        value = "dark" if on else "light"
        await self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": value}],
        )

    async def press(self, key: str) -> None:
        """A key of the keyboard."""
        codes = {"Tab": 9, "Enter": 13}
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key,
                windowsVirtualKeyCode=codes[key], text="\r" if key == "Enter" else "",
            )  # fmt: skip

    async def tree(self) -> list[tuple[str, str]]:
        """What a screen reader is told: role and name of each node that is not ignored."""
        found = await self.call("Accessibility.getFullAXTree")
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in found["nodes"]
            if not node["ignored"]
        ]

    async def picture(self, path: Path, *, whole: bool = True) -> None:
        """A screenshot."""
        found = await self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole,
            **({"clip": await self._all()} if whole else {}),
        )  # fmt: skip
        await asyncio.to_thread(path.write_bytes, base64.b64decode(found["data"]))

    async def close(self) -> None:
        """Stop listening."""
        self._listening.cancel()
        await asyncio.wait({self._listening})

    async def _all(self) -> dict[str, Any]:
        size = (await self.call("Page.getLayoutMetrics"))["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}

    async def _listen(self) -> None:
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                answer = self._answers.pop(said["id"])
                if "error" in said:
                    answer.set_exception(RuntimeError(str(said["error"])))
                else:
                    answer.set_result(said["result"])
            else:
                self._note(said["method"], said["params"])

    def _note(self, method: str, told: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning"):
            self.complaints.append(str(told["args"]))
        elif method == "Network.requestWillBeSent":
            self.asked_for.append(told["request"]["url"])


@asynccontextmanager
async def browser(directory: Path) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A running one; tabs share its socket one after the other."""
    path = chromium()
    assert path is not None
    command: list[str | Path] = [
        path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--remote-debugging-port=0", f"--user-data-dir={directory / 'profile'}",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--hide-scrollbars", "--force-color-profile=srgb",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "about:blank",
    ]  # fmt: skip
    child = Child("chromium", command, directory / "chromium.log")
    port_file = directory / "profile" / "DevToolsActivePort"
    try:
        await asyncio.to_thread(child.wait_until, lambda: _written(port_file), START_SECONDS)
        port, address = port_file.read_text().split()
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://127.0.0.1:{port}{address}", max_msg_size=0) as socket,
        ):
            yield socket
    finally:
        await asyncio.to_thread(child.stop)


def _written(path: Path) -> bool:
    return path.exists() and len(path.read_text().split()) == 2


def must_run() -> bool:
    """Whether a missing browser is a failure: where everything is to be tested."""
    return os.environ.get("CI", "") not in ("", "0", "false")
