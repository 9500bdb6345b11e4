"""Does a Kafka broker answer?  Two requests of its protocol over a plain socket.

https://kafka.apache.org/protocol: a request is its size, then api key, version, correlation id
and client id, then the body; all numbers big-endian.
"""

from __future__ import annotations

import socket
import struct

_METADATA, _API_VERSIONS = 3, 18
_CLIENT = b"ltv-dev"
_NO_TOPICS = struct.pack(">i", 0)
_TIMEOUT_SECONDS = 2.0


def answers(host: str, port: int) -> bool:
    """Whether the broker speaks the protocol, counts itself alive and knows its controller.

    An open port is not enough: metadata lists a broker only after the controller has let it in,
    and before that, topics can't be made.
    """
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT_SECONDS) as connection:
            versions = _ask(connection, _API_VERSIONS, 0, b"")
            return versions[:2] == b"\0\0" and _is_whole(_ask(connection, _METADATA, 1, _NO_TOPICS))
    except (OSError, struct.error):
        return False


def _is_whole(metadata: bytes) -> bool:
    """Whether a Metadata v1 answer names a broker and the controller."""
    brokers: int = struct.unpack_from(">i", metadata)[0]
    position = 4
    for _ in range(brokers):
        position = _after_string(metadata, position + 4) + 4  # node id, host, port
        position = _after_string(metadata, position)  # rack
    controller: int = struct.unpack_from(">i", metadata, position)[0]
    return brokers > 0 and controller >= 0


def _after_string(answer: bytes, position: int) -> int:
    length: int = struct.unpack_from(">h", answer, position)[0]
    return position + 2 + max(length, 0)  # -1 is null


def _ask(connection: socket.socket, api: int, version: int, body: bytes) -> bytes:
    """Send one request; its answer without the correlation id."""
    header = struct.pack(">hhih", api, version, 1, len(_CLIENT)) + _CLIENT
    connection.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
    (size,) = struct.unpack(">i", _receive(connection, 4))
    return _receive(connection, size)[4:]


def _receive(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        piece = connection.recv(size - len(received))
        if not piece:
            raise ConnectionResetError
        received += piece
    return received
