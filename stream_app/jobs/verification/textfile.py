"""The verdict as a file of Prometheus metrics, for a verification that runs by the clock.

The node exporter's textfile collector reads such files. The file is replaced as a whole, and only
by a verification that came to a verdict: `ltv_verify_finished_timestamp_seconds` tells one that no
longer runs.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from stream_app.errors import ConfigurationError
from stream_app.jobs.verification.findings import Findings, Tally

METRICS: Final = {
    "ltv_verify_equal": "1 where nothing at all differed, else 0",
    "ltv_verify_compared_customers": "Customers compared, in the state and in Redis",
    "ltv_verify_mismatch_customers": "Customers whose state or hash differs or is stale",
    "ltv_verify_missing_customers": "Customers who are missing in the state or in Redis",
    "ltv_verify_extra_customers": "Customers in the state or in Redis who should not be there",
    "ltv_verify_money_difference_minor": "Revenue that differs, summed without signs, minor units",
    "ltv_verify_wrong_dead_letters": "Dead letters that are missing, different or too many",
    "ltv_verify_seconds": "How long the verification took",
    "ltv_verify_finished_timestamp_seconds": "When it ended, Unix seconds",
}
"""Names and meanings; each has the label build."""


def write_metrics(findings: Findings, file: Path) -> None:
    """Write the verdict; ConfigurationError where the file can't be written."""
    registry = CollectorRegistry()
    build = str(findings.build)
    for name, value in _values(findings).items():
        gauge = Gauge(name, METRICS[name], ("build",), registry=registry)
        gauge.labels(build).set(value)
    try:
        write_to_textfile(str(file), registry)
    except OSError as error:
        raise ConfigurationError(f"--metrics {file} can't be written: {error.strerror}") from error


def _values(findings: Findings) -> dict[str, float]:
    sides = (findings.state, findings.partly, findings.redis)
    tallies: list[Tally] = [one for one in sides if one is not None]
    letters = findings.dead_letters
    return {
        "ltv_verify_equal": float(findings.equal),
        "ltv_verify_compared_customers": sum(one.compared for one in tallies),
        "ltv_verify_mismatch_customers": sum(one.different + one.stale for one in tallies),
        "ltv_verify_missing_customers": sum(one.missing for one in tallies),
        "ltv_verify_extra_customers": sum(one.extra for one in tallies),
        "ltv_verify_money_difference_minor": findings.money_off_minor,
        "ltv_verify_wrong_dead_letters": letters.wrong if letters is not None else 0,
        "ltv_verify_seconds": findings.seconds,
        "ltv_verify_finished_timestamp_seconds": time.time(),
    }
