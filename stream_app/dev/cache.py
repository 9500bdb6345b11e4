"""Where downloads are kept between runs, and one owner at a time for a directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stream_app.errors import ConfigurationError


def cache_directory() -> Path:
    """``ltv`` in the user's cache directory (XDG Base Directory Specification); not made yet."""
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    # The specification: a relative path is invalid and to be ignored.
    return (Path(chosen) if chosen.startswith("/") else Path.home() / ".cache") / "ltv"


def writable(directory: Path) -> Path:
    """The directory, made where it is missing; ConfigurationError where we may not write."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / ".writable").touch()
        (directory / ".writable").unlink()
    except OSError as error:
        raise ConfigurationError(
            f"Cannot write to {directory} ({error.strerror}): choose another directory "
            "or change its permissions."
        ) from error
    return directory


@contextmanager
def owned(directory: Path, *, wait: bool) -> Iterator[None]:
    """Hold the directory's lock; the kernel frees it when its owner dies, however that happens.

    With ``wait`` the call waits for its turn; without, an owned directory is a
    ConfigurationError.
    """
    with (writable(directory) / ".owner").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise ConfigurationError(
                f"{directory} belongs to a stack that is running: stop that one "
                "or choose another directory."
            ) from error
        yield
