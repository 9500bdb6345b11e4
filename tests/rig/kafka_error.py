"""An error code as the answer to a request about topics and their partitions.

The request is taken apart and the answer put together by the schemas that the client library
itself uses, so that both agree about every version.
"""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

from aiokafka.protocol import commit, fetch, produce
from aiokafka.protocol.types import Array, Bytes, Schema, String

_APIS = {0: (produce, "Produce"), 1: (fetch, "Fetch"), 8: (commit, "OffsetCommit")}


def answer(api: int, version: int, correlation: int, frame: bytes, code: int) -> bytes:
    """The frame that says ``code`` of every partition in the request ``frame``."""
    module, name = _APIS[api]
    request = getattr(module, f"{name}Request_v{version}")
    response = getattr(module, f"{name}Response_v{version}")
    (client,) = struct.unpack_from(">h", frame, 8)
    asked = request.decode(BytesIO(frame[10 + max(client, 0) :]))
    partitions = {topic: [one[0] for one in entries] for topic, entries in _topics(asked)}
    values = [_value(name, kind, partitions, code) for name, kind in _fields(response.SCHEMA)]
    body: bytes = response(*values).encode()
    return struct.pack(">i", correlation) + body


def _topics(asked: Any) -> Any:
    return [(entry[0], entry[-1]) for entry in asked.topics]


def _value(name: str, kind: Any, partitions: dict[str, list[int]], code: int) -> Any:
    if name != "topics" or not isinstance(kind, Array):
        return _blank(kind) if name != "throttle_time_ms" else 0
    partition_kind = dict(_fields(kind.array_of))["partitions"].array_of
    return [
        (topic, [_partition(partition_kind, number, code) for number in numbers])
        for topic, numbers in partitions.items()
    ]


def _partition(kind: Schema, number: int, code: int) -> tuple[Any, ...]:
    known = {"partition": number, "error_code": code}
    return tuple(known.get(name, _blank(field)) for name, field in _fields(kind))


def _fields(schema: Schema) -> list[tuple[str, Any]]:
    return list(zip(schema.names, schema.fields, strict=True))


def _blank(kind: Any) -> Any:
    """Nothing of this type."""
    if isinstance(kind, Array):
        return []
    if kind is Bytes or isinstance(kind, Bytes):
        return b""
    return None if isinstance(kind, String) else -1
