"""The bugs that chaos is tried on: each is still a line of the product, and reaches a worker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.planted import BUGS, planted


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_in_the_package_that_a_worker_would_run(name: str, tmp_path: Path) -> None:
    package = "import stream_app; print(stream_app.__file__)"
    with planted(name, tmp_path):
        done = subprocess.run(
            [sys.executable, "-c", package], capture_output=True, text=True, check=True
        )
    copy = Path(done.stdout.strip()).parent
    assert copy.is_relative_to(tmp_path)
    assert BUGS[name].wrong in (copy / BUGS[name].file).read_text()
    assert "PYTHONSAFEPATH" not in os.environ
