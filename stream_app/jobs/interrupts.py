"""Ctrl-C and SIGTERM, which unwind whatever a job is in the middle of."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Asked:
    """Whether a stop was asked for.

    For loops: what is raised within a finaliser goes no further, and would be forgotten.
    """

    def __init__(self) -> None:
        self.to_stop = False


@contextmanager
def interruptible() -> Iterator[Asked]:
    """Within it both signals raise KeyboardInterrupt in the main thread, also amid a computation.

    Both are set: a shell starts what runs in its background with Ctrl-C ignored.
    """
    asked = Asked()

    def unwind(number: int, frame: FrameType | None) -> None:
        asked.to_stop = True
        raise KeyboardInterrupt

    before = {number: signal.signal(number, unwind) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
