"""Bugs planted on purpose: a run of chaos that does not object to them would prove nothing.

``python -m tests.chaos --seed 1 --minutes 10 --planted counts-duplicates`` plays rounds whose
workers run a copy of the product with one line changed, until a round is not clean.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import stream_app
from tests.rig.inherited import inherited

PACKAGE: Final = Path(stream_app.__file__).parent


@dataclass(frozen=True)
class Bug:
    """One line of the product as it is, and as it would be wrong."""

    file: str
    right: str
    wrong: str


BUGS: Final = {
    "counts-duplicates": Bug(
        "core/customer.py",
        "        if hashed in held and self._has(hashed):",
        "        if False:",
    ),
    "believes-zombies": Bug(
        "worker/rebuild.py",
        "            if epoch < self._epoch:",
        "            if False:",
    ),
    "forgets-what-was-in-flight": Bug(
        "worker/rebuild.py",
        "                customers[key] = customer",
        "                customers.setdefault(key, customer)",
    ),
}
"""What a fold, a claim and a recovery are there to prevent."""


@contextmanager
def planted(name: str, directory: Path) -> Iterator[None]:
    """Workers started inside have the bug; this process, which judges, has not."""
    bug = BUGS[name]
    copy = directory / "planted" / PACKAGE.name
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    file = copy / bug.file
    text = file.read_text()
    assert text.count(bug.right) == 1, f"{bug.file} no longer has the line of {name}"
    file.write_text(text.replace(bug.right, bug.wrong))
    # Without the safe path the directory of the run goes before all others.
    with inherited(PYTHONPATH=str(copy.parent), PYTHONSAFEPATH="1"):
        yield
