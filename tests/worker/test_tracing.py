"""Traces are off unless asked for, and then nothing of them is even imported."""

from __future__ import annotations

import subprocess
import sys

BUILT = """
import asyncio, sys
{before}
from stream_app.settings import load
from stream_app.wiring import build

async def main():
    return build(load({settings}))

worker = asyncio.run(main())
ours = ("stream_app.worker.tracing", "opentelemetry.sdk.trace", "opentelemetry.exporter.otlp")
print(worker.tracing is not None, [name for name in ours if name in sys.modules])
"""
"""redis-py imports the part for metrics by itself wherever OpenTelemetry is installed, unasked."""


def built(settings: dict[str, str], before: str = "") -> subprocess.CompletedProcess[str]:
    """A worker made in a process of its own, and whether OpenTelemetry came along."""
    code = BUILT.format(settings=settings, before=before)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_worker_that_traces_nothing_imports_nothing_of_it() -> None:
    assert built({}).stdout == "False []\n"


def test_a_worker_that_traces_does() -> None:
    told = built({"LTV_OTEL": "1"}).stdout
    assert told.startswith("True ['stream_app.worker.tracing', 'opentelemetry.sdk.trace',")


def test_where_the_packages_are_missing_the_setting_is_refused_with_what_to_install() -> None:
    done = built({"LTV_OTEL": "1"}, before='sys.modules["opentelemetry"] = None')
    assert done.returncode == 1
    assert "pip install 'ltv-live[otel]'" in done.stderr
    assert "ConfigurationError" in done.stderr
