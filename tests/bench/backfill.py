"""Twenty million purchases of a million customers, from Parquet into a build that serves."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path

import duckdb
import psutil

from stream_app.jobs.demo_worker import command
from tests.bench.bed import Bed
from tests.bench.results import Figure

ROWS = 20_000_000
CUSTOMERS = 1_000_000
SEED = 1
POLL_SECONDS = 0.05
UNTIL = "2025-01-01"
"""The made-up history is of the four years before it."""


async def run(bed: Bed) -> list[Figure]:
    """Backfill, then start the worker of the new build."""
    own = {"APP_ID": "backfilled", "KEY_PREFIX": "backfilled:"}
    await bed.make_topics(**own)
    history = bed.directory / "history.parquet"
    generate(history)
    began = time.monotonic()
    peak, cpu_seconds = _backfill(bed, own, history)
    written = time.monotonic() - began
    async with bed.worker(bed.variables(**own, BUILD="2")) as worker:
        ready = time.monotonic() - worker.began
        metrics = await worker.metrics()
    assert metrics["ltv_recovery_records_total",] >= CUSTOMERS
    note = f"{ROWS:,} purchases of {CUSTOMERS:,} customers from Parquet"
    return [
        Figure("backfill into a serving build", written + ready, "s", "<= 300", note),
        Figure("backfill, changelog written", written, "s", "", note),
        Figure("backfill, CPU", cpu_seconds / ROWS * 1e6, "us a purchase", "", note),
        Figure("backfill, peak resident memory", peak / 2**30, "GiB", "<= 4", note),
    ]


def generate(path: Path, rows: int = ROWS, customers: int = CUSTOMERS) -> None:
    """In order of time; how often somebody buys is skewed, as a shop's customers are."""
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT 'c-' || lpad(floor(pow(hash(n, {SEED}) / 18446744073709551616.0, 1.5)"
            f" * {customers})::BIGINT::VARCHAR, 7, '0') AS customer_id,"
            " 'e-' || lpad(n::VARCHAR, 10, '0') AS event_id,"
            " 'o-' || lpad(n::VARCHAR, 10, '0') AS order_id,"
            " TIMESTAMPTZ '2021-01-01 00:00:00Z'"
            f" + to_seconds((n * {4 * 365 * 86_400}.0 / {rows})::BIGINT) AS occurred_at,"
            f" ((hash(n, {SEED + 1}) % 20000)::DECIMAL(18, 2) / 100)::DECIMAL(18, 2) AS amount,"
            f" 'USD' AS currency FROM range({rows}) AS r(n)) TO '{path}' (FORMAT parquet)"
        )


def _backfill(bed: Bed, own: dict[str, str], history: Path) -> tuple[int, float]:
    """Run the command; returns its largest resident memory in bytes and its CPU seconds."""
    settings = {f"LTV_{name}": value for name, value in bed.variables(**own).items()}
    arguments = ("backfill", "--history", str(history), "--until", UNTIL, "--dir")
    child = subprocess.Popen(command(settings, *arguments, str(bed.directory)))
    process, peak = psutil.Process(child.pid), 0
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            break
        with contextlib.suppress(psutil.Error):
            peak = max(peak, process.memory_info().rss)
        time.sleep(POLL_SECONDS)
    assert child.returncode == 0, f"the backfill ended with {child.returncode}"
    return peak, usage.ru_utime + usage.ru_stime
