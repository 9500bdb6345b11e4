"""Files that a command writes what it found to: looked at before the work, which may take long."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from tempfile import TemporaryFile

from stream_app.errors import UsageError


def check_output(option: str, file: Path, *, replaced: bool = False) -> None:
    """UsageError where the file of an option can't be written.

    ``replaced``: another file will take its place, so that its directory has to take one.
    """
    try:
        if file.exists() and not replaced:
            if not os.access(file, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        # By trying: rights say little of a file system that takes no files, and nothing of root's.
        with TemporaryFile(dir=file.parent):
            pass
    except OSError as error:
        raise _refused(option, file, error) from None


def write_output(option: str, file: Path, text: str) -> None:
    """Write the file of an option; UsageError where that can't be done."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _refused(option, file, error) from None


def _refused(option: str, file: Path, error: OSError) -> UsageError:
    """That the file of an option can't be written, and why."""
    return UsageError(f"{option} {str(file)!a} can't be written: {error.strerror}.")
