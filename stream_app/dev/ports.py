"""Ports of 127.0.0.1: one that is free, or a sentence about one that is not."""

from __future__ import annotations

import random
import socket
from pathlib import Path

from stream_app.errors import ConfigurationError

HOST = "127.0.0.1"
_CANDIDATES = range(15_000, 32_000)
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port that nobody listens on, from below the ephemeral range.

    Never an ephemeral one (what binding port 0 gives): while a server is down, a client that
    keeps connecting to an ephemeral port of its own machine is sooner or later given that very
    port as its source, connects to itself, and the server can't come back.
    """
    candidates = [port for port in _CANDIDATES if port not in _ephemeral()]
    for port in random.sample(candidates, k=len(candidates)):
        if is_free(port):
            return port
    raise ConfigurationError(f"No port from {_CANDIDATES[0]} to {_CANDIDATES[-1]} is free.")


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as listener:
        # As servers do: connections of the last one that are still dying don't count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen()
        except OSError:
            return False
    return True


def demand_free(port: int, server: str) -> None:
    """ConfigurationError when somebody else listens on the port that ``server`` is to have."""
    if not is_free(port):
        raise ConfigurationError(
            f"{server} cannot listen on {HOST}:{port}, the port is in use: stop what listens "
            "there, or choose another port (0 takes any free one)."
        )


def _ephemeral() -> range:
    """The ports that the kernel gives to outgoing connections; empty where it doesn't say."""
    try:
        first, last = _EPHEMERAL.read_text().split()
    except (OSError, ValueError):
        return range(0)
    chosen = range(int(first), int(last) + 1)
    # Where all are ephemeral there is no choice left.
    return chosen if any(port not in chosen for port in _CANDIDATES) else range(0)
