"""Kafka's own tools, as its distribution has them, over the jars of the packages."""

from __future__ import annotations

import os
from pathlib import Path

from stream_app.dev.cache import cache_directory
from stream_app.dev.jars import kafka_jars
from stream_app.dev.java import find_java
from stream_app.dev.kafka import silent


def kafka_tool(directory: Path, name: str, main: str, *more: Path) -> Path:
    """`name`, made in ``directory``, which runs the class `main`; `more` are jars besides."""
    jars = os.pathsep.join(map(str, [*more, *kafka_jars(cache_directory(), silent)]))
    made = directory / name
    made.write_text(
        f'#!/bin/sh\nexec "{find_java()}" -XX:TieredStopAtLevel=1 -cp "{jars}" {main} "$@"\n'
    )
    made.chmod(0o755)
    return made
