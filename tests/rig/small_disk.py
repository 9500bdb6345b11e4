"""A directory on a file system of its own that can be filled up without harm to anybody else."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_AS_ROOT: tuple[list[str], ...] = ([], ["sudo", "-n"])


class SmallDisk:
    """A mount of a fixed size; `fill` leaves nothing of it, `free` gives it back."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._ballast = directory / "ballast"

    def fill(self) -> None:
        """Take all that is left."""
        with self._ballast.open("ab") as out:
            block = bytes(1 << 16)
            while _written(out.fileno(), block):
                pass

    def free(self) -> None:
        """Give back what `fill` took."""
        self._ballast.unlink()

    @property
    def left(self) -> int:
        """Bytes that may still be written."""
        return shutil.disk_usage(self.directory).free


@contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mounted inside; the test is skipped, with the reason, where that is not allowed."""
    directory.mkdir(parents=True)
    options = f"size={megabytes}m,mode=0777"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)]
    why = ""
    for prefix in _AS_ROOT:
        try:
            done = subprocess.run([*prefix, *command], capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            why = why or str(error)
            continue
        if done.returncode == 0:
            break
        why = why or done.stderr.strip()
    else:
        pytest.skip(f"no size-limited mount can be made on this machine: {why}")
    try:
        yield SmallDisk(directory)
    finally:
        subprocess.run([*prefix, "umount", "--lazy", str(directory)], check=True)


def _written(file: int, block: bytes) -> int:
    """How much of a block still fitted; the last bytes one by one."""
    while block:
        try:
            return os.write(file, block)
        except OSError:
            block = block[: len(block) // 2]
    return 0
